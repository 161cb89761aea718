/** The lab's own certificate authorities, made by the sensor's code for CAs and leaves. */
import { join } from "node:path"
import { ensureInspectionCa } from "../ca/ensure.ts"
import type { InspectionCa } from "../ca/inspection-ca.ts"
import { createLeafKeys, type LeafKeys } from "../ca/leaf-keys.ts"
import { mintLeaf } from "../ca/mint.ts"
import type { Identity } from "./origin.ts"

export interface LabPki {
  /** PEM file of the CA that stands for the public ones. */
  publicCaFile: string
  /** Certificate and key for these names, by the CA that stands for the public ones. */
  trusted(names: readonly string[]): Identity
  /** The same by a CA that nobody trusts. */
  untrusted(names: readonly string[]): Identity
}

/** In `folder`; `now` in epoch milliseconds. */
export async function makePki(folder: string, now: number): Promise<LabPki> {
  const keys = await createLeafKeys()
  const make = (name: string) =>
    ensureInspectionCa({ dir: join(folder, name), now, commonName: `Lab ${name}`, years: 1 }).ca
  const trusted = make("public-ca")
  const stranger = make("stranger-ca")
  return {
    publicCaFile: join(folder, "public-ca", "inspection-ca.pem"),
    trusted: (names) => identity(trusted, keys, names, now),
    untrusted: (names) => identity(stranger, keys, names, now),
  }
}

function identity(
  ca: InspectionCa,
  keys: LeafKeys,
  names: readonly string[],
  now: number,
): Identity {
  const [name = ""] = names
  const mirror = { dnsNames: [...names], ipAddresses: [] }
  const leaf = mintLeaf(ca, keys.ec, { name, mirror, now })
  return { cert: leaf.chainPem, key: leaf.key.keyPem }
}

/** The origins of the cast, one server for each kind. */
import { X509Certificate } from "node:crypto"
import { readFile } from "node:fs/promises"
import { hosts, type OriginKind } from "./cast.ts"
import { pinOf } from "./clients/errand.ts"
import { type Origin, startOrigin } from "./origin.ts"
import type { LabPki } from "./pki.ts"

export interface Origins {
  servers: Readonly<Record<OriginKind, Origin>>
  /** Of the key behind the public certificates: what the pinned apps expect. */
  pin: string
  close(): Promise<void>
}

export async function startOrigins(pki: LabPki): Promise<Origins> {
  const identity = pki.trusted(namesOf("public"))
  const clientCa = await readFile(pki.publicCaFile, "utf8")
  const servers = {
    public: await startOrigin(identity),
    "bad-certificate": await startOrigin(pki.untrusted(namesOf("bad-certificate"))),
    "wants-client-certificate": await startOrigin(
      pki.trusted(namesOf("wants-client-certificate")),
      clientCa,
    ),
  }
  return {
    servers,
    pin: pinOf(new X509Certificate(identity.cert).publicKey),
    close: async () => {
      await Promise.all(Object.values(servers).map((origin) => origin.close()))
    },
  }
}

function namesOf(kind: OriginKind): string[] {
  return Object.entries(hosts).flatMap(([host, its]) => (its === kind ? [host] : []))
}

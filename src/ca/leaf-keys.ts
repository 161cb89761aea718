/**
 * The two keys that all leaves share, one of each kind.
 *
 * A key for each host would cost 22 us (P-256) or 26-31 ms (RSA-2048) a leaf and protect nothing:
 * whoever reads this process' memory has them all. They are made at start and never written.
 */
import { createPublicKey, generateKeyPair, type KeyObject } from "node:crypto"
import { promisify } from "node:util"
import { keyIdentifier } from "./extensions.ts"

export type LeafKind = "ec" | "rsa"

export interface LeafKey {
  kind: LeafKind
  privateKey: KeyObject
  /** PKCS#8; SecureContexts take nothing else than PEM. */
  keyPem: string
  spkiDer: Buffer
  subjectKeyId: Buffer
}

export type LeafKeys = Readonly<Record<LeafKind, LeafKey>>

const newKeyPair = promisify(generateKeyPair)

/** On the thread pool, so that the RSA key (30 ms and more) never holds up a connection. */
export async function createLeafKeys(): Promise<LeafKeys> {
  const [ec, rsa] = await Promise.all([
    newKeyPair("ec", { namedCurve: "P-256" }),
    newKeyPair("rsa", { modulusLength: 2048 }),
  ])
  return Object.freeze({ ec: leafKey("ec", ec.privateKey), rsa: leafKey("rsa", rsa.privateKey) })
}

function leafKey(kind: LeafKind, privateKey: KeyObject): LeafKey {
  const spkiDer = createPublicKey(privateKey).export({ type: "spki", format: "der" })
  return Object.freeze({
    kind,
    privateKey,
    keyPem: privateKey.export({ type: "pkcs8", format: "pem" }).toString(),
    spkiDer,
    subjectKeyId: keyIdentifier(spkiDer),
  })
}

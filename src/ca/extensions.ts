/** The certificate extensions that we write (RFC 5280 section 4.2). */
import { createHash } from "node:crypto"
import {
  type Asn1,
  bits,
  fromDer,
  integer,
  octets,
  oid,
  sequence,
  tagged,
  toDer,
  yes,
} from "./der.ts"
import { addressOctets, type LeafName } from "./leaf-name.ts"

export interface Extension {
  oid: string
  critical: boolean
  value: Asn1
}

export const extensionOids = {
  subjectKeyId: "2.5.29.14",
  keyUsage: "2.5.29.15",
  subjectAltName: "2.5.29.17",
  basicConstraints: "2.5.29.19",
  nameConstraints: "2.5.29.30",
  authorityKeyId: "2.5.29.35",
  extKeyUsage: "2.5.29.37",
} as const

/** Bit numbers of KeyUsage (section 4.2.1.3). */
export const keyUsageBits = {
  digitalSignature: 0,
  keyEncipherment: 2,
  keyCertSign: 5,
  cRLSign: 6,
} as const
export type KeyUsage = keyof typeof keyUsageBits

export const serverAuth = "1.3.6.1.5.5.7.3.1"

export function basicConstraints(ca: { pathLen?: number } | false): Extension {
  const parts = ca ? [yes()] : []
  if (ca && ca.pathLen !== undefined) parts.push(integer(Buffer.from([ca.pathLen])))
  return { oid: extensionOids.basicConstraints, critical: true, value: sequence(...parts) }
}

export function keyUsage(...uses: KeyUsage[]): Extension {
  const set: number[] = uses.map((use) => keyUsageBits[use])
  const byte = set.reduce((sum, bit) => sum | (0x80 >> bit), 0)
  const value = bits(Buffer.from([byte]), 7 - Math.max(...set))
  return { oid: extensionOids.keyUsage, critical: true, value }
}

export function extKeyUsage(...purposes: string[]): Extension {
  const value = sequence(...purposes.map(oid))
  return { oid: extensionOids.extKeyUsage, critical: false, value }
}

/** Leftmost 160 bits of SHA-256 over the key bits (RFC 7093 section 2, method 1). */
export function keyIdentifier(spkiDer: Buffer): Buffer {
  const keyBits = fromDer(spkiDer).value[1]
  if (keyBits === undefined || typeof keyBits === "string" || typeof keyBits.value !== "string") {
    throw new Error("ca: a public key is not a SubjectPublicKeyInfo")
  }
  const bytes = Buffer.from(keyBits.value, "latin1").subarray(1)
  return createHash("sha256").update(bytes).digest().subarray(0, 20)
}

export function subjectKeyId(id: Buffer): Extension {
  return { oid: extensionOids.subjectKeyId, critical: false, value: octets(id) }
}

export function authorityKeyId(id: Buffer): Extension {
  return { oid: extensionOids.authorityKeyId, critical: false, value: sequence(tagged(0, id)) }
}

/** Critical when the subject is empty, as section 4.1.2.6 demands. */
export function subjectAltName(names: readonly LeafName[], critical: boolean): Extension {
  const value = sequence(
    ...names.map(({ type, text }) =>
      type === "dns" ? tagged(2, Buffer.from(text, "latin1")) : tagged(7, addressOctets(text)),
    ),
  )
  return { oid: extensionOids.subjectAltName, critical, value }
}

export function extensionDer({ oid: id, critical, value }: Extension): Asn1 {
  return sequence(oid(id), ...(critical ? [yes()] : []), octets(toDer(value)))
}

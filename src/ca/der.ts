/**
 * The few ASN.1 shapes that certificates are made of, over node-forge's encoder (X.690).
 *
 * node-forge keeps bytes in strings of one character a byte ("latin1"); Buffers stay outside this
 * folder's two certificate files, which is why the conversions are here.
 */
import forge from "node-forge"

const { asn1 } = forge

export type Asn1 = forge.asn1.Asn1

const { UNIVERSAL, CONTEXT_SPECIFIC } = asn1.Class
const { Type } = asn1

export const sequence = (...parts: Asn1[]): Asn1 =>
  asn1.create(UNIVERSAL, Type.SEQUENCE, true, parts)

export const set = (...parts: Asn1[]): Asn1 => asn1.create(UNIVERSAL, Type.SET, true, parts)

export const oid = (dotted: string): Asn1 =>
  asn1.create(UNIVERSAL, Type.OID, false, asn1.oidToDer(dotted).getBytes())

export const integer = (bytes: Buffer): Asn1 =>
  asn1.create(UNIVERSAL, Type.INTEGER, false, bytes.toString("latin1"))

export const yes = (): Asn1 => asn1.create(UNIVERSAL, Type.BOOLEAN, false, "\xff")

export const nothing = (): Asn1 => asn1.create(UNIVERSAL, Type.NULL, false, "")

export const utf8 = (text: string): Asn1 =>
  asn1.create(UNIVERSAL, Type.UTF8, false, Buffer.from(text, "utf8").toString("latin1"))

export const octets = (bytes: Buffer): Asn1 =>
  asn1.create(UNIVERSAL, Type.OCTETSTRING, false, bytes.toString("latin1"))

/** A BIT STRING of whole bytes, or with `unused` bits at the end (X.690 section 8.6). */
export const bits = (bytes: Buffer, unused = 0): Asn1 =>
  asn1.create(
    UNIVERSAL,
    Type.BITSTRING,
    false,
    String.fromCharCode(unused) + bytes.toString("latin1"),
  )

/** `[tag] IMPLICIT` over plain bytes, and `[tag] EXPLICIT` around one value. */
export const tagged = (tag: number, content: Buffer | Asn1): Asn1 =>
  Buffer.isBuffer(content)
    ? asn1.create(CONTEXT_SPECIFIC, tag as number, false, content.toString("latin1"))
    : asn1.create(CONTEXT_SPECIFIC, tag as number, true, [content])

/** UTCTime to 2049, GeneralizedTime from 2050 on (RFC 5280 section 4.1.2.5). */
export function time(epochMs: number): Asn1 {
  const date = new Date(epochMs)
  return date.getUTCFullYear() < 2050
    ? asn1.create(UNIVERSAL, Type.UTCTIME, false, asn1.dateToUtcTime(date))
    : asn1.create(UNIVERSAL, Type.GENERALIZEDTIME, false, asn1.dateToGeneralizedTime(date))
}

/**
 * Bytes that are DER already, taken over unchanged: issuer names must be the issuer's very bytes
 * (clients compare them, RFC 5280 section 7.1), and keys and signed parts need no second encoding.
 */
export function encoded(der: Buffer): Asn1 {
  const lengthByte = der.readUInt8(1)
  const header = lengthByte < 0x80 ? 2 : 2 + (lengthByte & 0x7f)
  return asn1.create(UNIVERSAL, der.readUInt8(0), false, der.toString("latin1", header))
}

export const toDer = (value: Asn1): Buffer => Buffer.from(asn1.toDer(value).getBytes(), "latin1")

/** Throws on anything that is not one whole DER value; nesting is bounded by node-forge. */
export function fromDer(bytes: Buffer | string): Asn1 {
  const text = typeof bytes === "string" ? bytes : bytes.toString("latin1")
  // The published types know only `strict`; without this option node-forge guesses whether the
  // content of a BIT STRING is ASN.1 again, and guesses wrong for some keyUsage bytes.
  const options = { strict: true, decodeBitStrings: false } as unknown as boolean
  return asn1.fromDer(text, options)
}

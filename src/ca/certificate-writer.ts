/**
 * Writes certificates (RFC 5280 section 4.1).
 *
 * node-forge gives the ASN.1 and node:crypto the signature: node-forge itself signs with RSA only,
 * and a hundred times slower. In: names, dates and extensions. Out: DER. It knows no profile.
 */
import { type KeyObject, sign } from "node:crypto"
import {
  type Asn1,
  bits,
  encoded,
  integer,
  nothing,
  oid,
  sequence,
  set,
  tagged,
  time,
  toDer,
  utf8,
} from "./der.ts"
import { type Extension, extensionDer } from "./extensions.ts"
import { signatureAlgorithm } from "./signature-algorithm.ts"

export interface CertificateParts {
  /** Positive, at most 20 bytes. */
  serial: Buffer
  issuerDer: Buffer
  subjectDer: Buffer
  spkiDer: Buffer
  /** Epoch milliseconds; certificates hold whole seconds. */
  notBefore: number
  notAfter: number
  extensions: readonly Extension[]
}

export function writeCertificate(parts: CertificateParts, issuerKey: KeyObject): Buffer {
  const algorithm = signatureAlgorithm(issuerKey)
  if ("unusable" in algorithm) throw new Error(`ca: cannot sign with ${algorithm.unusable}`)
  // RFC 4055 section 5 demands the NULL for RSA, RFC 5758 section 3.2 forbids it for ECDSA.
  const signature = (): Asn1 =>
    algorithm.kind === "rsa"
      ? sequence(oid(algorithm.oid), nothing())
      : sequence(oid(algorithm.oid))
  const tbs = toDer(
    sequence(
      tagged(0, integer(Buffer.from([2]))),
      integer(parts.serial),
      signature(),
      encoded(parts.issuerDer),
      sequence(time(parts.notBefore), time(parts.notAfter)),
      encoded(parts.subjectDer),
      encoded(parts.spkiDer),
      tagged(3, sequence(...parts.extensions.map(extensionDer))),
    ),
  )
  const signed = sign(algorithm.hash, tbs, issuerKey)
  return toDer(sequence(encoded(tbs), signature(), bits(signed)))
}

/** A name of one CN, or the empty name. */
export function nameDer(commonName: string | undefined): Buffer {
  if (commonName === undefined) return toDer(sequence())
  return toDer(sequence(set(sequence(oid("2.5.4.3"), utf8(commonName)))))
}

/**
 * A serial number from 16 random bytes: positive, 16 bytes without a leading zero, 126 random bits
 * (RFC 5280 section 4.1.2.2 asks for uniqueness; random makes it so without a counter on disk).
 */
export function serialFrom(random: Buffer): Buffer {
  const serial = Buffer.from(random.subarray(0, 16))
  serial.writeUInt8((serial.readUInt8(0) & 0x7f) | 0x40, 0)
  return serial
}

export function toPem(der: Buffer): string {
  const lines = der.toString("base64").match(/.{1,64}/g) ?? []
  return `-----BEGIN CERTIFICATE-----\n${lines.join("\n")}\n-----END CERTIFICATE-----\n`
}

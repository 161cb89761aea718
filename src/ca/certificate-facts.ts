/**
 * Reads what node:crypto's X509Certificate does not tell: path length, key usage, the raw names.
 *
 * node-forge's own certificate reader refuses EC keys, so this works on its ASN.1 layer.
 * Certificates come from the network, so a bad one is `"unreadable"`, never an exception.
 */

import forge from "node-forge"
import { type Asn1, fromDer, toDer } from "./der.ts"
import { extensionOids, type KeyUsage, keyUsageBits } from "./extensions.ts"
import { addressText } from "./leaf-name.ts"

export interface CertificateFacts {
  subjectDer: Buffer
  issuerDer: Buffer
  /** The last CN of the subject; bytes beyond ASCII are not decoded. */
  commonName: string | undefined
  signatureOid: string
  basicConstraints: { ca: boolean; pathLen: number | undefined } | undefined
  keyUsage: ReadonlySet<KeyUsage> | undefined
  extKeyUsage: readonly string[] | undefined
  subjectKeyId: Buffer | undefined
  hasNameConstraints: boolean
  dnsNames: readonly string[]
  ipAddresses: readonly string[]
}

export function certificateFacts(der: Buffer): CertificateFacts | "unreadable" {
  try {
    return read(der)
  } catch {
    return "unreadable"
  }
}

const contextSpecific = 0x80

function read(der: Buffer): CertificateFacts | "unreadable" {
  const [tbs, algorithm] = children(fromDer(der))
  const fields = children(tbs)
  // The version is absent from version 1 certificates; the others follow by position.
  const first = isTagged(fields[0], 0) ? 1 : 0
  const issuerDer = toDer(present(fields[first + 2]))
  const subject = present(fields[first + 4])
  const subjectDer = toDer(subject)
  // A name in BER would have been encoded anew, and issued leaves would not match it.
  if (!der.includes(issuerDer) || !der.includes(subjectDer)) return "unreadable"
  const extensions = readExtensions(fields.find((field) => isTagged(field, 3)))
  const value = (id: string) => {
    const bytes = extensions.get(id)
    return bytes === undefined ? undefined : fromDer(bytes)
  }
  const alternatives = generalNames(value(extensionOids.subjectAltName))
  const keyId = value(extensionOids.subjectKeyId)
  return {
    subjectDer,
    issuerDer,
    commonName: commonName(subject),
    signatureOid: oidText(children(algorithm)[0]),
    basicConstraints: readBasicConstraints(value(extensionOids.basicConstraints)),
    keyUsage: readKeyUsage(value(extensionOids.keyUsage)),
    extKeyUsage: readOids(value(extensionOids.extKeyUsage)),
    subjectKeyId: keyId === undefined ? undefined : Buffer.from(content(keyId), "latin1"),
    hasNameConstraints: extensions.has(extensionOids.nameConstraints),
    dnsNames: alternatives.dnsNames,
    ipAddresses: alternatives.ipAddresses,
  }
}

/** Extension id -> the DER inside its OCTET STRING. */
function readExtensions(wrapper: Asn1 | undefined): Map<string, string> {
  const found = new Map<string, string>()
  if (wrapper === undefined) return found
  for (const extension of children(children(wrapper)[0])) {
    const parts = children(extension)
    found.set(oidText(parts[0]), content(parts.at(-1)))
  }
  return found
}

function readBasicConstraints(value: Asn1 | undefined): CertificateFacts["basicConstraints"] {
  if (value === undefined) return undefined
  const parts = children(value)
  const ca = parts.find((part) => part.type === forge.asn1.Type.BOOLEAN)
  const length = parts.find((part) => part.type === forge.asn1.Type.INTEGER)
  return {
    ca: ca !== undefined && content(ca) !== "\0",
    pathLen: length === undefined ? undefined : forge.asn1.derToInteger(content(length)),
  }
}

function readKeyUsage(value: Asn1 | undefined): ReadonlySet<KeyUsage> | undefined {
  if (value === undefined) return undefined
  // The byte before the bits counts the unused ones; all named bits are in the first byte of bits.
  const byte = content(value).charCodeAt(1)
  const names = Object.entries(keyUsageBits) as [KeyUsage, number][]
  return new Set(names.filter(([, bit]) => (byte & (0x80 >> bit)) !== 0).map(([name]) => name))
}

function readOids(value: Asn1 | undefined): string[] | undefined {
  return value === undefined ? undefined : children(value).map(oidText)
}

/** dNSName is `[2]`, iPAddress `[7]` (RFC 5280 section 4.2.1.6); other kinds are passed over. */
function generalNames(value: Asn1 | undefined): { dnsNames: string[]; ipAddresses: string[] } {
  const names = value === undefined ? [] : children(value)
  return {
    dnsNames: names.filter((name) => isTagged(name, 2)).map(content),
    ipAddresses: names
      .filter((name) => isTagged(name, 7))
      .map((name) => addressText(Buffer.from(content(name), "latin1")))
      .filter((text) => text !== undefined),
  }
}

function commonName(subject: Asn1): string | undefined {
  const attributes = children(subject).flatMap(children).map(children)
  const last = attributes.findLast(([type]) => oidText(type) === "2.5.4.3")
  return last === undefined ? undefined : content(last[1])
}

function isTagged(value: Asn1 | undefined, tag: number): boolean {
  return value?.tagClass === contextSpecific && (value.type as number) === tag
}

function present(value: Asn1 | undefined): Asn1 {
  if (value === undefined) throw new Error("a field is missing")
  return value
}

function children(value: Asn1 | undefined): Asn1[] {
  const parts = present(value).value
  if (typeof parts === "string") throw new Error("a constructed value was expected")
  return parts
}

function content(value: Asn1 | undefined): string {
  const bytes = present(value).value
  if (typeof bytes !== "string") throw new Error("a primitive value was expected")
  return bytes
}

function oidText(value: Asn1 | undefined): string {
  return forge.asn1.derToOid(content(value))
}

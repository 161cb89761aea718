/**
 * The name a leaf is made for. Names come from the network (SNI, CONNECT, the origin's
 * certificate), so everything here answers with a value and never throws.
 */
import { isIP, isIPv4 } from "node:net"

export interface LeafName {
  type: "dns" | "ip"
  text: string
}

/** Longest host name in text form (RFC 1035 section 2.3.4, less the two framing bytes). */
const longestName = 253

/** Letters, digits, hyphen, and the underscore that real hosts use; no empty label. */
const hostName = /^[a-z0-9_-]{1,63}(?:\.[a-z0-9_-]{1,63})*$/

/**
 * Reads an SNI, CONNECT host or address: lower case, without a trailing dot, brackets or a zone.
 * `undefined` for what no certificate can name.
 */
export function readLeafName(text: string): LeafName | undefined {
  if (text.length > longestName + 2) return undefined
  const lower = text.toLowerCase()
  const plain = lower.includes(":")
    ? lower.replace(/^\[(.*)\]$/, "$1").replace(/%.*$/, "")
    : lower.replace(/\.$/, "")
  if (isIP(plain)) return { type: "ip", text: plain }
  return plain.length <= longestName && hostName.test(plain)
    ? { type: "dns", text: plain }
    : undefined
}

/** As `readLeafName`, and a wildcard as the whole leftmost label (RFC 9525 section 6.3). */
export function readCertificateName(text: string): LeafName | undefined {
  if (!text.startsWith("*.")) return readLeafName(text)
  const rest = readLeafName(text.slice(2))
  return rest?.type === "dns" && rest.text.length <= longestName - 2
    ? { type: "dns", text: `*.${rest.text}` }
    : undefined
}

/** Whether a name of a certificate, wildcard or not, covers this name (RFC 9525 section 6.3). */
export function covers(ofCertificate: LeafName, name: LeafName): boolean {
  if (ofCertificate.type !== name.type) return false
  if (name.type === "ip") return addressOctets(ofCertificate.text).equals(addressOctets(name.text))
  if (!ofCertificate.text.startsWith("*.")) return ofCertificate.text === name.text
  const dot = name.text.indexOf(".")
  return dot > 0 && name.text.slice(dot) === ofCertificate.text.slice(1)
}

/** The 4 or 16 bytes of an address, which `text` must be (iPAddress, RFC 5280 section 4.2.1.6). */
export function addressOctets(text: string): Buffer {
  if (isIPv4(text)) return Buffer.from(text.split(".").map(Number))
  // The URL parser writes any IPv6 form as hexadecimal groups with at most one "::".
  const [head = "", tail] = new URL(`http://[${text}]`).hostname.slice(1, -1).split("::")
  const groups = (part: string) => (part === "" ? [] : part.split(":"))
  const before = groups(head)
  const after = groups(tail ?? "")
  const zeros = new Array<string>(8 - before.length - after.length).fill("0")
  const hex = [...before, ...zeros, ...after].map((group) => group.padStart(4, "0")).join("")
  return Buffer.from(hex, "hex")
}

/** An address from the 4 or 16 bytes of a certificate; `undefined` for any other number. */
export function addressText(bytes: Buffer): string | undefined {
  if (bytes.length === 4) return bytes.join(".")
  if (bytes.length !== 16) return undefined
  const groups = bytes.toString("hex").match(/.{4}/g) ?? []
  return new URL(`http://[${groups.join(":")}]`).hostname.slice(1, -1)
}

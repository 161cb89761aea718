/**
 * Reads a PROXY protocol header, version 1 or 2 (haproxy.org, "The PROXY protocol", section 2), from
 * the first bytes of a connection. Comes in: bytes of a relay that is trusted; goes out: who the
 * client is and where it wanted to go. It must not know which relays are trusted.
 */
import ipaddr from "ipaddr.js"
import { crc32c } from "./crc32c.ts"

export interface ProxyHeader {
  /** Bytes of the header; what follows is the client's. */
  length: number
  version: 1 | 2
  /** `local`: the relay's own connection, such as a health check. */
  command: "local" | "proxy"
  /** Null where the relay does not tell: UNKNOWN, AF_UNSPEC, a UNIX socket, LOCAL. */
  source: ProxyAddress | null
  destination: ProxyAddress | null
  /** PP2_TYPE_AUTHORITY, the server name that the relay saw. */
  authority: string | null
  /** PP2_TYPE_UNIQUE_ID in hex. */
  uniqueId: string | null
  /** PP2_SUBTYPE_SSL_CN, where the relay verified the client's certificate. */
  clientCn: string | null
}

export interface ProxyAddress {
  address: string
  port: number
}

export interface ProxyHeaderFault {
  fault: string
}

/** Longest header that is read, in bytes; TLVs of real relays stay far below. */
export const longestProxyHeader = 16_384

/** Section 2.1: the longest line, its CRLF included. */
const longestLine = 107
const line = Buffer.from("PROXY ", "latin1")
const signature = Buffer.from([13, 10, 13, 10, 0, 13, 10, 81, 85, 73, 84, 10])
/** Signature, version and command, family and protocol, length. */
const fixedPart = 16
const nothing = { authority: null, uniqueId: null, clientCn: null }

export function readProxyHeader(bytes: Buffer): ProxyHeader | "incomplete" | ProxyHeaderFault {
  if (startsAs(line, bytes)) return bytes.length < line.length ? "incomplete" : readLine(bytes)
  if (!startsAs(signature, bytes)) return { fault: "no PROXY protocol header" }
  return bytes.length < fixedPart ? "incomplete" : readBinary(bytes)
}

function startsAs(whole: Buffer, bytes: Buffer): boolean {
  const length = Math.min(whole.length, bytes.length)
  return whole.compare(bytes, 0, length, 0, length) === 0
}

/** Version 1, section 2.1: `PROXY TCP4 source destination port port` and CRLF. */
function readLine(bytes: Buffer): ProxyHeader | "incomplete" | ProxyHeaderFault {
  const end = bytes.subarray(0, longestLine).indexOf("\r\n")
  if (end < 0)
    return bytes.length < longestLine ? "incomplete" : { fault: "version 1: no end of the line" }
  const text = bytes.toString("latin1", line.length, end)
  const head = { length: end + 2, version: 1, command: "proxy", ...nothing } as const
  if (/^UNKNOWN(?: |$)/.test(text)) return { ...head, source: null, destination: null }
  const [family, source, destination, sourcePort, destinationPort, ...more] = text.split(" ")
  const from = lineAddress(family, source, sourcePort)
  const to = lineAddress(family, destination, destinationPort)
  if (from === null || to === null || more.length > 0)
    return { fault: "version 1: the line cannot be read" }
  return { ...head, source: from, destination: to }
}

/** With a dotted tail of decimal parts only: ipaddr.js also takes octal and hexadecimal ones. */
const ipv6Text = /^(?:[0-9a-fA-F:]*:(?:(?:0|[1-9]\d{0,2})\.){3}(?:0|[1-9]\d{0,2})|[0-9a-fA-F:]+)$/

function lineAddress(family = "", address = "", portText = ""): ProxyAddress | null {
  const port = /^(?:0|[1-9]\d{0,4})$/.test(portText) ? Number(portText) : Number.NaN
  if (!(port <= 65535)) return null
  const known =
    family === "TCP4"
      ? ipaddr.IPv4.isValidFourPartDecimal(address)
      : family === "TCP6" && ipv6Text.test(address) && ipaddr.IPv6.isValid(address)
  return known ? { address, port } : null
}

/** Version 2, section 2.2. */
function readBinary(bytes: Buffer): ProxyHeader | "incomplete" | ProxyHeaderFault {
  const [version = 0, family = 0] = bytes.subarray(12, 14)
  const length = fixedPart + bytes.readUInt16BE(14)
  if (version >> 4 !== 2) return { fault: `version ${version >> 4} is not known` }
  const command = commands.get(version & 15)
  if (command === undefined) return { fault: `version 2: unknown command ${version & 15}` }
  if (length > longestProxyHeader)
    return { fault: `version 2: ${length} bytes are more than ${longestProxyHeader}` }
  if (bytes.length < length) return "incomplete"
  const head = { length, version: 2, command, ...nothing } as const
  // What a LOCAL header says beside that is to be discarded.
  if (command === "local") return { ...head, source: null, destination: null }
  const size = addressSizes.get(family)
  if (size === undefined)
    return { fault: `version 2: family and protocol 0x${family.toString(16)} are not served` }
  if (length < fixedPart + size) return { fault: "version 2: the addresses are cut short" }
  const told = readTlvs(bytes.subarray(0, length), fixedPart + size)
  return "fault" in told ? told : { ...head, ...addressesOf(family, bytes), ...told }
}

const commands = new Map([
  [0, "local"],
  [1, "proxy"],
] as const satisfies [number, string][]) as ReadonlyMap<number, ProxyHeader["command"]>

const inet = 0x11
const inet6 = 0x21
/** Family and protocol -> bytes of the addresses. Streams only: we listen on no other sockets. */
const addressSizes: ReadonlyMap<number, number> = new Map([
  [0x00, 0],
  [inet, 12],
  [inet6, 36],
  [0x31, 216],
])

function addressesOf(family: number, bytes: Buffer): Pick<ProxyHeader, "source" | "destination"> {
  const width = family === inet ? 4 : family === inet6 ? 16 : 0
  if (width === 0) return { source: null, destination: null }
  const part = (at: number, portAt: number): ProxyAddress => {
    const octets = [...bytes.subarray(fixedPart + at, fixedPart + at + width)]
    const address = width === 4 ? octets.join(".") : new ipaddr.IPv6(octets).toRFC5952String()
    return { address, port: bytes.readUInt16BE(fixedPart + portAt) }
  }
  return { source: part(0, 2 * width), destination: part(width, 2 * width + 2) }
}

/** Section 2.2.1 and what follows it. */
const tlv = { authority: 0x02, crc32c: 0x03, uniqueId: 0x05, ssl: 0x20, sslCn: 0x22 }
const longestAuthority = 255
const longestUniqueId = 128
const longestCn = 255

type Told = Pick<ProxyHeader, "authority" | "uniqueId" | "clientCn">

function readTlvs(header: Buffer, from: number): Told | ProxyHeaderFault {
  const told: Told = { ...nothing }
  const cut = eachTlv(header, from, (type, value, at) => {
    switch (type) {
      case tlv.authority:
        if (value.length > longestAuthority) return "the authority is too long"
        told.authority ??= value.toString("utf8")
        return null
      case tlv.uniqueId:
        if (value.length > longestUniqueId) return "the unique id is too long"
        told.uniqueId ??= value.toString("hex")
        return null
      case tlv.crc32c:
        return checksumHolds(header, value, at) ? null : "the checksum is wrong"
      case tlv.ssl:
        return readSsl(value, told)
      default:
        return null
    }
  })
  return cut === null ? told : { fault: `version 2: ${cut}` }
}

/** Type, length in two bytes, value; the first fault ends it. */
function eachTlv(
  bytes: Buffer,
  from: number,
  take: (type: number, value: Buffer, at: number) => string | null,
): string | null {
  for (let at = from; at < bytes.length; ) {
    if (at + 3 > bytes.length) return "a TLV is cut short"
    const begin = at + 3
    const end = begin + bytes.readUInt16BE(at + 1)
    if (end > bytes.length) return "a TLV is longer than the header"
    const fault = take(bytes[at] ?? 0, bytes.subarray(begin, end), begin)
    if (fault !== null) return fault
    at = end
  }
  return null
}

/** Section 2.2.5: over the whole header, the checksum itself taken as zero. */
function checksumHolds(header: Buffer, value: Buffer, at: number): boolean {
  if (value.length !== 4) return false
  const blank = Buffer.from(header)
  blank.fill(0, at, at + 4)
  return crc32c(blank) === value.readUInt32BE(0)
}

/** Section 2.2.6: flags, the result of verification (0: verified), TLVs of its own. */
function readSsl(value: Buffer, told: Told): string | null {
  if (value.length < 5) return "the SSL part is cut short"
  const verified = value.readUInt32BE(1) === 0
  return eachTlv(value, 5, (type, text) => {
    if (type === tlv.sslCn && verified) told.clientCn ??= text.toString("utf8").slice(0, longestCn)
    return null
  })
}

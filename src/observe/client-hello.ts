/**
 * In: the bytes received so far from a client, from the first byte. Out: its ClientHello (RFC 8446
 * section 4.1.2, RFC 5246 section 7.4.1.2), "incomplete", or a named fault; it never throws.
 * It must not know of sockets or of what is decided by the hello.
 */
import { ByteReader } from "./byte-reader.ts"
import { firstHandshakeMessage, type HelloFault } from "./handshake-records.ts"
import { hostName } from "./server-name.ts"

export type { HelloFault }

/** GREASE values (RFC 8701) stay in every list, in their places; `isGrease` tells them. */
export type ClientHello = {
  recordVersion: number
  legacyVersion: number
  sessionIdLength: number
  cipherSuites: readonly number[]
  compressionMethods: readonly number[]
  /** Extension types in the order sent. */
  extensions: readonly number[]
  /** A valid host name, lower case, no final dot; undefined if none was sent or it was invalid. */
  sni: string | undefined
  /**
   * What the server_name extension held if that is no host name (an address, UTF-8, empty), one
   * character a byte, cut at 255. Not for decisions, and to be escaped before it is shown.
   */
  invalidSni: string | undefined
  /** One character a byte (latin1), so that GREASE and other binary protocol names survive. */
  alpn: readonly string[]
  supportedVersions: readonly number[]
  supportedGroups: readonly number[]
  signatureAlgorithms: readonly number[]
  keyShareGroups: readonly number[]
  /** ECH or GREASE ECH: the two look the same from outside. */
  echOffered: boolean
  /** ECHClientHelloType: 0 outer, 1 inner (never seen on the wire); undefined without ECH. */
  echType: number | undefined
  earlyDataOffered: boolean
  pskOffered: boolean
  /** How many bytes of the input the hello's records span; what follows is early data or a fault. */
  byteLength: number
}

const serverName = 0
const supportedGroups = 10
const signatureAlgorithms = 13
const alpn = 16
const preSharedKey = 41
const earlyData = 42
const supportedVersions = 43
const keyShare = 51
const encryptedClientHello = 0xfe0d

/** The sixteen reserved values 0x0a0a, 0x1a1a, ... 0xfafa: both bytes alike (RFC 8701 section 2). */
export function isGrease(value: number): boolean {
  return (value & 0x0f0f) === 0x0a0a && value >> 8 === (value & 0xff)
}

/** To be called again with all bytes so far whenever more arrive, until it is not "incomplete". */
export function readClientHello(bytes: Uint8Array): ClientHello | "incomplete" | HelloFault {
  const first = firstHandshakeMessage(bytes)
  if (first === "incomplete" || "fault" in first) return first
  const body = new ByteReader(first.message, 4)
  const hello: Mutable<ClientHello> = {
    recordVersion: first.recordVersion,
    legacyVersion: body.u16(),
    sessionIdLength: 0,
    cipherSuites: [],
    compressionMethods: [],
    extensions: [],
    sni: undefined,
    invalidSni: undefined,
    alpn: [],
    supportedVersions: [],
    supportedGroups: [],
    signatureAlgorithms: [],
    keyShareGroups: [],
    echOffered: false,
    echType: undefined,
    earlyDataOffered: false,
    pskOffered: false,
    byteLength: first.byteLength,
  }
  const why = readBody(body, hello)
  return why === undefined ? hello : { fault: "malformed", why }
}

type Mutable<T> = { -readonly [K in keyof T]: T[K] }

/** Fills the hello; the answer is what is wrong with it, or undefined. */
function readBody(body: ByteReader, hello: Mutable<ClientHello>): string | undefined {
  body.skip(32)
  const sessionId = body.vector(1)
  hello.sessionIdLength = sessionId.left
  if (sessionId.left > 32) return "the session id is longer than 32 bytes"
  hello.cipherSuites = body.vector(2).u16s()
  hello.compressionMethods = body.vector(1).u8s()
  if (body.overrun) return "the cipher suites or what precedes them are cut off"
  if (hello.cipherSuites.length === 0) return "no cipher suite is offered"
  if (hello.compressionMethods.length === 0) return "no compression method is offered"
  if (body.spent) return undefined
  const extensions = body.vector(2)
  if (!body.spent) return "the extensions do not end where the ClientHello ends"
  return readExtensions(extensions, hello)
}

/** Twice the same extension is a fault (RFC 8446 section 4.2): two readers could differ about it. */
function readExtensions(list: ByteReader, hello: Mutable<ClientHello>): string | undefined {
  const seen = new Set<number>()
  while (list.left > 0) {
    const type = list.u16()
    const body = list.vector(2)
    if (list.overrun) return "an extension is cut off"
    if (seen.has(type)) return `extension ${type} comes twice`
    seen.add(type)
    if (!readExtension(type, body, hello)) return `extension ${type} is malformed`
  }
  hello.extensions = [...seen]
  return undefined
}

/** False if the body of an extension that we read is not what its RFC says. */
function readExtension(type: number, body: ByteReader, hello: Mutable<ClientHello>): boolean {
  switch (type) {
    case serverName:
      return readServerName(body, hello)
    case supportedGroups:
      hello.supportedGroups = body.vector(2).u16s()
      return body.spent
    case signatureAlgorithms:
      hello.signatureAlgorithms = body.vector(2).u16s()
      return body.spent
    case supportedVersions:
      hello.supportedVersions = body.vector(1).u16s()
      return body.spent
    case alpn:
      return readAlpn(body, hello)
    case keyShare:
      return readKeyShares(body, hello)
    case encryptedClientHello:
      hello.echOffered = true
      hello.echType = body.u8()
      return !body.overrun
    case preSharedKey:
      hello.pskOffered = true
      return true
    case earlyData:
      hello.earlyDataOffered = true
      return true
    default:
      return true
  }
}

/** RFC 6066 section 3. Two host_names are a fault: two readers could differ about which one counts. An
 * empty extension names nothing but is sent. */
function readServerName(body: ByteReader, hello: Mutable<ClientHello>): boolean {
  hello.invalidSni = ""
  if (body.left === 0) return true
  const names = body.vector(2)
  let raw: string | undefined
  while (names.left > 0) {
    const kind = names.u8()
    const name = names.vector(2)
    if (kind !== 0) continue
    if (raw !== undefined) return false
    raw = name.latin1()
  }
  hello.sni = hostName(raw ?? "")
  hello.invalidSni = hello.sni === undefined ? (raw ?? "").slice(0, 255) : undefined
  return body.spent
}

/** RFC 7301 section 3.1. */
function readAlpn(body: ByteReader, hello: Mutable<ClientHello>): boolean {
  const names = body.vector(2)
  const protocols: string[] = []
  while (names.left > 0) protocols.push(names.vector(1).latin1())
  hello.alpn = protocols
  return body.spent
}

/** RFC 8446 section 4.2.8; an empty list asks for a HelloRetryRequest. */
function readKeyShares(body: ByteReader, hello: Mutable<ClientHello>): boolean {
  const shares = body.vector(2)
  const groups: number[] = []
  while (shares.left > 0) {
    groups.push(shares.u16())
    shares.vector(2)
  }
  hello.keyShareGroups = groups
  return body.spent
}

/**
 * In: the bytes received so far from a client. Out: its first handshake message, put together from
 * as many TLS records as it was cut into (RFC 8446 section 5.1), or the reason why there is none.
 * It must not know what a ClientHello holds beyond its type and its length.
 */

/** What is wrong with the bytes; `why` is for people. */
export type HelloFault = { fault: "not-tls" | "sslv2" | "too-large" | "malformed"; why: string }

export type FirstMessage = {
  /** Version of the first record: 0x0301 in practice, whatever the client speaks. */
  recordVersion: number
  /** The message with its four-byte header. A view of the input if one record held it. */
  message: Uint8Array
  /** Bytes of input that the message's records span, headers included. */
  byteLength: number
}

/** Longest ClientHello taken, in bytes with its header. The largest seen (hybrid shares) is 2 KiB. */
const longestMessage = 64 * 1024

/**
 * Records it may be cut into: enough for a common hello in records of one byte. It bounds the walk
 * below, and together with the length what the caller keeps for a client that never finishes.
 */
const mostRecords = 2048
const longestInput = longestMessage + 5 * mostRecords

/** Plaintext records hold at most 2^14 bytes and, for handshake, at least one (RFC 8446, 5.1). */
const longestRecord = 1 << 14

/** version, random, session id, one cipher suite, one compression method, with the header. */
const shortestMessage = 4 + 2 + 32 + 1 + 4 + 2

const handshakeRecord = 22
const clientHelloMessage = 1

/**
 * Cheap to call again for each segment: until the message is whole only record headers are read
 * and nothing is allocated; then a single record costs a view and several cost one copy.
 * Bytes behind the message in its last record are left alone: the TLS library judges them.
 */
export function firstHandshakeMessage(bytes: Uint8Array): FirstMessage | "incomplete" | HelloFault {
  let header = 0
  let headerBytes = 0
  let gathered = 0
  for (let at = 0, records = 1; ; records++) {
    const fault = at === 0 ? openingFault(bytes) : laterRecordFault(bytes, at)
    if (fault) return fault
    if (records > mostRecords) return tooLarge
    if (at + 5 > bytes.length) return "incomplete"
    const end = recordEnd(bytes, at)
    for (let i = at + 5; headerBytes < 4 && i < end && i < bytes.length; i++) {
      header = header * 256 + (bytes[i] ?? 0)
      headerBytes++
    }
    const length = headerBytes === 4 ? 4 + (header & 0xffffff) : 0
    if (length > longestMessage || end > longestInput) return tooLarge
    if (headerBytes === 4 && length < shortestMessage) {
      return { fault: "malformed", why: `a ClientHello of ${length} bytes cannot be` }
    }
    if (end > bytes.length) return "incomplete"
    gathered += end - at - 5
    if (headerBytes === 4 && gathered >= length) return whole(bytes, end, length)
    at = end
  }
}

function whole(bytes: Uint8Array, end: number, length: number): FirstMessage {
  const recordVersion = ((bytes[1] ?? 0) << 8) | (bytes[2] ?? 0)
  if (recordEnd(bytes, 0) === end) {
    return { recordVersion, message: bytes.subarray(5, 5 + length), byteLength: end }
  }
  const message = new Uint8Array(length)
  let filled = 0
  for (let at = 0; filled < length; ) {
    const next = recordEnd(bytes, at)
    message.set(bytes.subarray(at + 5, Math.min(next, at + 5 + length - filled)), filled)
    filled += next - at - 5
    at = next
  }
  return { recordVersion, message, byteLength: end }
}

function recordEnd(bytes: Uint8Array, at: number): number {
  return at + 5 + (((bytes[at + 3] ?? 0) << 8) | (bytes[at + 4] ?? 0))
}

/** Judges the first record by as few bytes as are there: who sends "GET /" is not waited for. */
function openingFault(bytes: Uint8Array): HelloFault | undefined {
  const [type, major, , lengthHigh, lengthLow, messageType] = bytes
  if (type === undefined) return undefined
  if (type >= 0x80) return sslv2Fault(bytes)
  if (type !== handshakeRecord) return notTls(`the first byte is ${hex(type)}${guess(type)}`)
  if (major === undefined) return undefined
  if (major !== 3) return notTls(`the record version starts with ${hex(major)}`)
  const lengthFault = recordLengthFault(lengthHigh, lengthLow)
  if (lengthFault) return notTls(lengthFault)
  if (messageType === undefined || messageType === clientHelloMessage) return undefined
  return { fault: "malformed", why: `handshake message ${messageType} came before a ClientHello` }
}

/** Its first line passes the ordinary header at once: this runs for each record at each call. */
function laterRecordFault(bytes: Uint8Array, at: number): HelloFault | undefined {
  const type = bytes[at]
  const high = bytes[at + 3]
  if (type === handshakeRecord && bytes[at + 1] === 3 && high === 0 && bytes[at + 4])
    return undefined
  if (type === undefined) return undefined
  if (type !== handshakeRecord) {
    return { fault: "malformed", why: `a record of type ${type} came inside the ClientHello` }
  }
  const major = bytes[at + 1]
  if (major !== undefined && major !== 3) {
    return { fault: "malformed", why: `a later record's version starts with ${hex(major)}` }
  }
  const why = recordLengthFault(high, bytes[at + 4])
  return why === undefined ? undefined : { fault: "malformed", why }
}

function recordLengthFault(high: number | undefined, low: number | undefined): string | undefined {
  if (high === undefined) return undefined
  if (high > longestRecord >> 8) return `a record cannot be longer than ${longestRecord} bytes`
  if (low === undefined) return undefined
  const length = (high << 8) | low
  if (length === 0) return "a handshake record cannot be empty"
  return length > longestRecord ? `a record cannot be ${length} bytes long` : undefined
}

/** SSLv2's two-byte header with the top bit set, CLIENT-HELLO (1), version 3.x or 0.2 (RFC 5246, E.2). */
function sslv2Fault(bytes: Uint8Array): HelloFault | undefined {
  const [first = 0, , messageType, major] = bytes
  if (messageType === undefined) return undefined
  if (messageType !== 1) return notTls(`the first byte is ${hex(first)}`)
  if (major === undefined) return undefined
  if (major !== 3 && major !== 0) return notTls(`the first byte is ${hex(first)}`)
  return { fault: "sslv2", why: "an SSLv2-style hello; the client must speak TLS 1.2 or later" }
}

const tooLarge: HelloFault = {
  fault: "too-large",
  why: `the ClientHello is longer than ${longestMessage} bytes, or cut into too many records`,
}

function notTls(why: string): HelloFault {
  return { fault: "not-tls", why }
}

function hex(byte: number): string {
  return `0x${byte.toString(16).padStart(2, "0")}`
}

/** A hint for the reader of a log, from the first byte alone. */
function guess(type: number): string {
  if (type >= 0x41 && type <= 0x5a) return ", a capital letter: plain HTTP or another text protocol"
  if (type === 20 || type === 21 || type === 23) return ", a TLS record that cannot come first"
  return ""
}

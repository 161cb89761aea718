/**
 * In: a cipher suite. Out: how long the encrypted records are that can be known by their length alone,
 * and what encryption adds to a payload. Lengths are those of the record header, in bytes.
 */

export type RecordLengths13 = {
  /** Record length minus payload: content type and tag (RFC 8446 section 5.2). */
  overhead: number
  /** The client's Finished in a record of its own. */
  finished: ReadonlySet<number>
  /** The Finished of a stack that pads, from which we know that its alerts are padded too. */
  paddedFinished: number | undefined
  alert: number
  paddedAlert: number
  keyUpdate: number
  paddedKeyUpdate: number
}

/** JSSE pads handshake and alert records of TLS 1.3 by 16 zero bytes (measured on Java 17). */
const jssePadding = 16

/** Handshake header, alert and KeyUpdate contents (RFC 8446 sections 4, 6 and 4.6.3). */
const handshakeHeader = 4
const alertContent = 2
const keyUpdateContent = 5

/** Length of the transcript hash, and so of verify_data, of the suites that RFC 8446 defines. */
const hashLengths13: ReadonlyMap<number, number> = new Map([
  [0x1301, 32],
  [0x1302, 48],
  [0x1303, 32],
  [0x1304, 32],
  [0x1305, 32],
])

/** TLS_AES_128_CCM_8_SHA256 is the only one with a tag of 8 bytes. */
const ccm8 = 0x1305

/** For a suite we do not know any hash of 32, 48 or 64 bytes fits, and padding cannot be told. */
export function recordLengths13(cipherSuite: number): RecordLengths13 {
  const overhead = 1 + (cipherSuite === ccm8 ? 8 : 16)
  const hashLength = hashLengths13.get(cipherSuite)
  const plain = (hashLength === undefined ? [32, 48, 64] : [hashLength]).map(
    (length) => length + handshakeHeader + overhead,
  )
  const paddedFinished =
    hashLength === undefined ? undefined : hashLength + handshakeHeader + overhead + jssePadding
  return {
    overhead,
    finished: new Set(paddedFinished === undefined ? plain : [...plain, paddedFinished]),
    paddedFinished,
    alert: alertContent + overhead,
    paddedAlert: alertContent + overhead + jssePadding,
    keyUpdate: keyUpdateContent + overhead,
    paddedKeyUpdate: keyUpdateContent + overhead + jssePadding,
  }
}

/** First and last suites of the registry's blocks, both included. */
const chacha12 = [[0xcca8, 0xccae]] as const
const gcm12 = [
  [0x009c, 0x00a9],
  [0xc02b, 0xc032],
  [0xc050, 0xc063],
  [0xc06a, 0xc06f],
  [0xc07a, 0xc093],
  [0xc09c, 0xc09f],
  [0xc0a4, 0xc0a7],
  [0xc0ac, 0xc0ad],
  [0xd001, 0xd002],
  [0xd005, 0xd005],
] as const
const ccm8Suites12 = [
  [0xc0a0, 0xc0a3],
  [0xc0a8, 0xc0ab],
  [0xc0ae, 0xc0af],
  [0xd003, 0xd003],
] as const

/**
 * What TLS 1.2 and older add to a payload: GCM and CCM 8 + 16 (RFC 5288, RFC 6655), CCM_8 8 + 8, ChaCha20
 * 16 (RFC 7905). All others are taken for CBC with SHA-1: IV 16, MAC 20, one byte of padding; its
 * padding hides up to 15 bytes more, so that payloads are then overstated by as much.
 */
export function recordOverhead12(cipherSuite: number): number {
  const within = (blocks: readonly (readonly [number, number])[]) =>
    blocks.some(([first, last]) => cipherSuite >= first && cipherSuite <= last)
  if (within(chacha12)) return 16
  if (within(ccm8Suites12)) return 16
  return within(gcm12) ? 24 : 37
}

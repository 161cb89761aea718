/**
 * In: the bytes of one direction of a TLS session, cut anywhere. Out: its records, from their five-byte
 * headers alone (RFC 8446 section 5.1). It must not look into a record.
 */

export type RecordHeader = { type: number; length: number }

export type RecordListener = {
  /** The header is here, the record may still be under way. */
  begins: (record: RecordHeader) => void
  /** A part of the content, as it arrived: a view of what was fed. */
  content: (record: RecordHeader, part: Uint8Array) => void
  /** The last byte of the record is here. */
  ends: (record: RecordHeader) => void
}

/** 2^14 and the 2,048 bytes by which TLS 1.2 lets a cipher expand it (RFC 5246 section 6.2.3). */
const longestRecord = (1 << 14) + 2048

/** change_cipher_spec, alert, handshake, application_data, heartbeat. */
const isRecordType = (type: number) => type >= 20 && type <= 24

/** Holds five bytes of header and a count, whatever is fed. */
export class RecordHeaders {
  readonly #listener: RecordListener
  readonly #header = new Uint8Array(5)
  #headerBytes = 0
  #remaining = 0
  #record: RecordHeader = { type: 0, length: 0 }
  #broken = false

  constructor(listener: RecordListener) {
    this.#listener = listener
  }

  /** A header that cannot be: from there on nothing more is read. */
  get broken(): boolean {
    return this.#broken
  }

  feed(bytes: Uint8Array): void {
    for (let at = 0; at < bytes.length && !this.#broken; ) {
      at = this.#headerBytes < 5 ? this.#readHeader(bytes, at) : this.#readContent(bytes, at)
    }
  }

  #readHeader(bytes: Uint8Array, at: number): number {
    const taken = Math.min(5 - this.#headerBytes, bytes.length - at)
    for (let i = 0; i < taken; i++) this.#header[this.#headerBytes + i] = bytes[at + i] ?? 0
    this.#headerBytes += taken
    this.#judgeHeader()
    if (this.#broken || this.#headerBytes < 5) return at + taken
    this.#listener.begins(this.#record)
    if (this.#remaining === 0) this.#end()
    return at + taken
  }

  /** By as many of the five bytes as are here, so that what is not TLS is known by its first byte. */
  #judgeHeader(): void {
    const header = this.#header
    const type = header[0] ?? 0
    const length = ((header[3] ?? 0) << 8) | (header[4] ?? 0)
    const badVersion = this.#headerBytes > 1 && header[1] !== 3
    const badLength = this.#headerBytes === 5 && length > longestRecord
    this.#broken = !isRecordType(type) || badVersion || badLength
    this.#record = { type, length }
    this.#remaining = length
  }

  #readContent(bytes: Uint8Array, at: number): number {
    const taken = Math.min(this.#remaining, bytes.length - at)
    this.#listener.content(this.#record, bytes.subarray(at, at + taken))
    this.#remaining -= taken
    if (this.#remaining === 0) this.#end()
    return at + taken
  }

  #end(): void {
    this.#headerBytes = 0
    this.#listener.ends(this.#record)
  }
}

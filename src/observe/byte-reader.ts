/** So many characters are made in one call; more could overflow the stack. */
const textPart = 4_096

/**
 * In: bytes from the network. Out: big-endian fields and TLS vectors (RFC 8446 section 3).
 * A read past the end never throws: it yields zero or nothing and leaves `overrun` set for good, so
 * that a parser reads straight on and asks once, of the outermost reader. It must not know what the fields mean.
 */
export class ByteReader {
  readonly #bytes: Uint8Array
  readonly #end: number
  readonly #outer: ByteReader | undefined
  #at: number
  #overrun = false

  /** Reads `bytes` from `start` to `end`; an overrun also marks `outer`, if there is one. */
  constructor(bytes: Uint8Array, start = 0, end = bytes.length, outer?: ByteReader) {
    this.#bytes = bytes
    this.#at = start
    this.#end = end
    this.#outer = outer
  }

  /** Bytes not yet read. */
  get left(): number {
    return this.#end - this.#at
  }

  get overrun(): boolean {
    return this.#overrun
  }

  /** Everything was read and nothing was missing: the only way a well-formed field ends. */
  get spent(): boolean {
    return !this.#overrun && this.#at === this.#end
  }

  u8(): number {
    const at = this.#take(1)
    return at < 0 ? 0 : (this.#bytes[at] ?? 0)
  }

  u16(): number {
    const at = this.#take(2)
    return at < 0 ? 0 : ((this.#bytes[at] ?? 0) << 8) | (this.#bytes[at + 1] ?? 0)
  }

  skip(count: number): void {
    this.#take(count)
  }

  /** The next `count` bytes as a view, no copy; empty when they are not all there. */
  bytes(count: number): Uint8Array {
    const at = this.#take(count)
    return at < 0 ? new Uint8Array(0) : this.#bytes.subarray(at, at + count)
  }

  /** A vector with a length field of one or two bytes, as a reader of its own. */
  vector(lengthBytes: 1 | 2): ByteReader {
    const length = lengthBytes === 1 ? this.u8() : this.u16()
    const at = this.#take(length)
    return new ByteReader(this.#bytes, Math.max(at, 0), at < 0 ? 0 : at + length, this)
  }

  /** All that is left as 16-bit numbers; an odd byte at the end counts as overrun. */
  u16s(): number[] {
    const bytes = this.#bytes
    const numbers: number[] = []
    for (; this.left > 1; this.#at += 2)
      numbers.push(((bytes[this.#at] ?? 0) << 8) | (bytes[this.#at + 1] ?? 0))
    if (this.left === 1) this.skip(2)
    return numbers
  }

  /** All that is left as bytes in an array. */
  u8s(): number[] {
    const numbers: number[] = []
    while (this.left > 0) numbers.push(this.u8())
    return numbers
  }

  /** All that is left, one character a byte: lossless, whatever the bytes are. */
  latin1(): string {
    const bytes = this.#bytes.subarray(this.#at, this.#end)
    this.#at = this.#end
    let text = ""
    for (let at = 0; at < bytes.length; at += textPart)
      text += String.fromCharCode.apply(null, bytes.subarray(at, at + textPart) as never)
    return text
  }

  /** After an overrun nothing is left, so that every loop over `left` ends. */
  #take(count: number): number {
    if (count > this.left) this.#fail()
    if (this.#overrun) return -1
    const at = this.#at
    this.#at += count
    return at
  }

  #fail(): void {
    this.#overrun = true
    this.#at = this.#end
    if (this.#outer) this.#outer.#fail()
  }
}

/**
 * Finds the first request in what an HTTP/2 client sends. Comes in: its decrypted bytes in any
 * pieces; goes out: whether a HEADERS frame came. Reads nine-byte frame headers, no content.
 */

/** RFC 9113 section 3.4: what every HTTP/2 client sends first. */
const preface = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
const frameHeader = 9
/** RFC 9113 section 6.2. */
const headersFrame = 1

/** Owned state: where in the frames we are. Holds at most one partial frame header. */
export class H2Request {
  #skip = preface.length
  #head = new Uint8Array(frameHeader)
  #have = 0
  #seen = false

  /** Whether a HEADERS frame has begun. */
  get seen(): boolean {
    return this.#seen
  }

  /** Takes the next bytes of the client. */
  client(bytes: Uint8Array): void {
    let at = 0
    while (!this.#seen && at < bytes.length) {
      const skipped = Math.min(this.#skip, bytes.length - at)
      this.#skip -= skipped
      at += skipped
      while (this.#skip === 0 && this.#have < frameHeader && at < bytes.length) {
        this.#head[this.#have++] = bytes[at++] as number
      }
      if (this.#have === frameHeader) this.#frame()
    }
  }

  #frame(): void {
    const [a = 0, b = 0, c = 0, type = 0] = this.#head
    this.#seen = type === headersFrame
    this.#skip = (a << 16) | (b << 8) | c
    this.#have = 0
  }
}

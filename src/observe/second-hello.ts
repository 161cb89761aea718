/**
 * In: what a client sends that was let pass for its first ClientHello, up to the origin's ServerHello.
 * Out: whether a second one (after a HelloRetryRequest, RFC 8446 section 4.1.2) says the same name, as
 * it must. It must not know why the connection passes, and says nothing of what is encrypted.
 */
import { type ClientHello, readClientHello } from "./client-hello.ts"
import { RecordHeaders } from "./record-headers.ts"

const handshake = 22
const clientHello = 1
/** As of the first hello. */
const longestMessage = 64 * 1024
const longestRecord = 1 << 14

type Name = Pick<ClientHello, "sni" | "invalidSni">

/** Holds at most one ClientHello (64 KiB), while it arrives. */
export class SecondHello {
  readonly #name: Name
  readonly #records = new RecordHeaders({
    begins: () => {},
    content: ({ type }, part) => {
      if (type === handshake) this.#take(part)
    },
    ends: () => {},
  })
  readonly #header = new Uint8Array(4)
  #headerBytes = 0
  /** Messages that came whole. */
  #messages = 0
  #left = 0
  #second: Uint8Array | null = null
  #same = true

  constructor(first: Name) {
    this.#name = first
  }

  /** Bytes of the client in their order, from its very first. False: a second hello names another host,
   * or what comes in its place cannot be read, and nothing honest does. */
  client(bytes: Uint8Array): boolean {
    if (this.#same) this.#records.feed(bytes)
    return this.#same
  }

  #take(part: Uint8Array): void {
    for (let at = 0; at < part.length && this.#same; ) {
      if (this.#messages > 1) this.#same = false
      else at += this.#headerBytes < 4 ? this.#takeHeader(part, at) : this.#takeBody(part, at)
    }
  }

  #takeHeader(part: Uint8Array, at: number): number {
    const taken = Math.min(4 - this.#headerBytes, part.length - at)
    this.#header.set(part.subarray(at, at + taken), this.#headerBytes)
    this.#headerBytes += taken
    if (this.#headerBytes < 4) return taken
    const [type, high = 0, middle = 0, low = 0] = this.#header
    this.#left = (high << 16) | (middle << 8) | low
    if (this.#messages === 0) return taken
    if (type !== clientHello || this.#left > longestMessage) this.#same = false
    else {
      this.#second = new Uint8Array(4 + this.#left)
      this.#second.set(this.#header)
    }
    return taken
  }

  #takeBody(part: Uint8Array, at: number): number {
    const taken = Math.min(this.#left, part.length - at)
    this.#second?.set(part.subarray(at, at + taken), this.#second.length - this.#left)
    this.#left -= taken
    if (this.#left > 0) return taken
    this.#messages++
    this.#headerBytes = 0
    if (this.#second) this.#same = this.#saysTheSame(this.#second)
    this.#second = null
    return taken
  }

  #saysTheSame(message: Uint8Array): boolean {
    const hello = readClientHello(inRecords(message))
    if (hello === "incomplete" || "fault" in hello) return false
    return hello.sni === this.#name.sni && hello.invalidSni === this.#name.invalidSni
  }
}

/** A message as its reader takes it: in records. */
function inRecords(message: Uint8Array): Uint8Array {
  const parts: Uint8Array[] = []
  for (let at = 0; at < message.length; at += longestRecord) {
    const content = message.subarray(at, at + longestRecord)
    parts.push(Uint8Array.of(handshake, 3, 3, content.length >> 8, content.length & 255), content)
  }
  const bytes = new Uint8Array(parts.reduce((sum, { length }) => sum + length, 0))
  let at = 0
  for (const part of parts) {
    bytes.set(part, at)
    at += part.length
  }
  return bytes
}

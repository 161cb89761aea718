/**
 * In: the content of an origin's first handshake records, in parts. Out: version and cipher suite of its
 * ServerHello (RFC 8446 section 4.1.3), or that it was a HelloRetryRequest. Nothing behind it is read.
 */
import { ByteReader } from "./byte-reader.ts"

export type ServerHello = {
  /** A HelloRetryRequest: another ClientHello and the real ServerHello follow. */
  retry: boolean
  version: number
  cipherSuite: number
  /** TLS 1.3 resumption: the origin took one of the client's pre-shared keys. */
  pskAccepted: boolean
}

/** Largest message taken; the largest real one (ML-KEM-1024 share) is 1.8 KiB. More is malformed. */
const longestMessage = 8 * 1024

const serverHelloMessage = 2
const supportedVersions = 43
const preSharedKey = 41

/** SHA-256 of "HelloRetryRequest", in the place of the random (RFC 8446 section 4.1.3). */
const retryRandom = "cf21ad74e59a6111be1d8c021e65b891c2a211167abb8c5e079e09e2c8a8339c"

/** Gathers one message at a time, at most 8 KiB of it. */
export class ServerHelloParts {
  readonly #header = new Uint8Array(4)
  #headerBytes = 0
  #message: Uint8Array | undefined
  #filled = 0

  /** The next part of handshake content. What follows the message in its own part is dropped. */
  add(part: Uint8Array): ServerHello | "incomplete" | "malformed" {
    let at = 0
    while (this.#headerBytes < 4 && at < part.length) {
      this.#header[this.#headerBytes++] = part[at++] ?? 0
    }
    if (this.#headerBytes > 0 && this.#header[0] !== serverHelloMessage) return "malformed"
    if (this.#headerBytes < 4) return "incomplete"
    const [, high = 0, middle = 0, low = 0] = this.#header
    const length = (high << 16) | (middle << 8) | low
    if (length > longestMessage) return "malformed"
    this.#message ??= new Uint8Array(length)
    const taken = Math.min(length - this.#filled, part.length - at)
    this.#message.set(part.subarray(at, at + taken), this.#filled)
    this.#filled += taken
    return this.#filled < length ? "incomplete" : this.#whole(this.#message)
  }

  #whole(body: Uint8Array): ServerHello | "malformed" {
    this.#headerBytes = 0
    this.#message = undefined
    this.#filled = 0
    return readServerHello(body)
  }
}

/** `body` is the message without its four-byte header. */
export function readServerHello(body: Uint8Array): ServerHello | "malformed" {
  const reader = new ByteReader(body)
  const legacyVersion = reader.u16()
  const retry = hex(reader.bytes(32)) === retryRandom
  reader.vector(1)
  const cipherSuite = reader.u16()
  reader.skip(1)
  if (reader.overrun) return "malformed"
  let version = legacyVersion
  let pskAccepted = false
  if (reader.left > 0) {
    const extensions = reader.vector(2)
    while (extensions.left > 0) {
      const type = extensions.u16()
      const content = extensions.vector(2)
      if (type === supportedVersions) version = content.u16()
      if (type === preSharedKey) pskAccepted = true
    }
  }
  return reader.spent ? { retry, version, cipherSuite, pskAccepted } : "malformed"
}

function hex(bytes: Uint8Array): string {
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("")
}

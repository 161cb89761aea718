/** Builds ClientHello bytes from their parts, well-formed or not as the test wants. */

export type Extension = { type: number; body: Uint8Array }

export type HelloParts = {
  legacyVersion?: number
  sessionId?: Uint8Array
  cipherSuites?: readonly number[]
  compressionMethods?: readonly number[]
  /** Undefined: no extensions block at all. */
  extensions?: readonly Extension[] | undefined
}

const u8 = (value: number) => Uint8Array.of(value)
const u16 = (value: number) => Uint8Array.of(value >> 8, value & 0xff)

export function bytes(...parts: readonly (Uint8Array | readonly number[])[]): Uint8Array {
  return Uint8Array.from(parts.flatMap((part) => [...part]))
}

export function latin1(text: string): Uint8Array {
  return Uint8Array.from(text, (character) => character.charCodeAt(0))
}

export function vector8(content: Uint8Array): Uint8Array {
  return bytes(u8(content.length), content)
}

export function vector16(content: Uint8Array): Uint8Array {
  return bytes(u16(content.length), content)
}

export function u16s(values: readonly number[]): Uint8Array {
  return bytes(...values.map(u16))
}

/** The handshake message, header included. */
export function helloMessage(parts: HelloParts = {}): Uint8Array {
  const extensions = "extensions" in parts ? parts.extensions : []
  const body = bytes(
    u16(parts.legacyVersion ?? 0x0303),
    new Uint8Array(32).fill(0x5a),
    vector8(parts.sessionId ?? new Uint8Array(32)),
    vector16(u16s(parts.cipherSuites ?? [0x1301, 0xc02b])),
    vector8(Uint8Array.from(parts.compressionMethods ?? [0])),
    extensions
      ? vector16(bytes(...extensions.map((e) => bytes(u16(e.type), vector16(e.body)))))
      : [],
  )
  return bytes([1, body.length >> 16, (body.length >> 8) & 0xff, body.length & 0xff], body)
}

/** The message in handshake records of at most `size` bytes. */
export function inRecords(message: Uint8Array, size = 1 << 14): Uint8Array {
  const records: Uint8Array[] = []
  for (let at = 0; at < message.length; at += size) {
    records.push(bytes([22, 3, 1], vector16(message.subarray(at, at + size))))
  }
  return Buffer.concat(records)
}

export function helloBytes(parts: HelloParts = {}): Uint8Array {
  return inRecords(helloMessage(parts))
}

export function sniExtension(name: string): Extension {
  return { type: 0, body: vector16(bytes([0], vector16(latin1(name)))) }
}

export function alpnExtension(protocols: readonly string[]): Extension {
  return { type: 16, body: vector16(bytes(...protocols.map((p) => vector8(latin1(p))))) }
}

export function versionsExtension(versions: readonly number[]): Extension {
  return { type: 43, body: vector8(u16s(versions)) }
}

export function groupsExtension(groups: readonly number[]): Extension {
  return { type: 10, body: vector16(u16s(groups)) }
}

export function signaturesExtension(algorithms: readonly number[]): Extension {
  return { type: 13, body: vector16(u16s(algorithms)) }
}

/** An extension whose body nobody here reads. */
export function emptyExtension(type: number): Extension {
  return { type, body: new Uint8Array(0) }
}

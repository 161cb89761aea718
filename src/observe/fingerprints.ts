/**
 * In: a ClientHello. Out: its JA4 and its stack key. Both are made of lists that differ little between
 * the connections of one fleet, so what was made lately is remembered: a tenth of the cost.
 */
import { type ClientHello, isGrease } from "./client-hello.ts"
import { ja4 } from "./ja4.ts"
import { stackKey } from "./stack.ts"

export interface Fingerprints {
  ja4: string
  stack: string
}

/** Remembered, at some 700 bytes each: a fleet has some hundred stacks, each with a few shapes (with
 * and without SNI, resuming or not). All go when it is full. */
const known = new Map<string, Fingerprints>()
const most = 5_000

/** Lists longer than any client's are not remembered: a key is then at most 2 KiB. */
const longest = 1_000
const mostProtocols = 8

export function fingerprintsOf(hello: ClientHello): Fingerprints {
  const key = keyOf(hello)
  const seen = key === null ? undefined : known.get(key)
  if (seen !== undefined) return seen
  const made = Object.freeze({ ja4: ja4(hello), stack: stackKey(hello) })
  if (key === null) return made
  if (known.size >= most) known.clear()
  known.set(key, made)
  return made
}

/**
 * Everything that either fingerprint is made of, one character a number. Ciphers and extensions are
 * sorted, since Chrome shuffles its extensions and no fingerprint tells; GREASE is left out, as there.
 * Lengths keep the lists apart.
 */
function keyOf(hello: ClientHello): string | null {
  const { cipherSuites, extensions, signatureAlgorithms, supportedVersions, alpn } = hello
  const numbers = cipherSuites.length + extensions.length + signatureAlgorithms.length
  if (numbers + supportedVersions.length > longest || alpn.length > mostProtocols) return null
  const lists = [
    real(cipherSuites).sort(),
    real(extensions).sort(),
    real(signatureAlgorithms),
    real(supportedVersions),
  ]
  const lengths = lists.map((list) => list.length)
  const head = String.fromCharCode(hello.legacyVersion, ...lengths)
  // A protocol's name may hold any byte: its length before it tells where it ends.
  const protocols = alpn.map((name) => String.fromCharCode(name.length) + name)
  return lists.reduce((key, list) => key + text(list), head) + protocols.join("")
}

function real(values: readonly number[]): Uint16Array {
  const kept = new Uint16Array(values.length)
  let count = 0
  for (const value of values) if (!isGrease(value)) kept[count++] = value
  return kept.subarray(0, count)
}

function text(values: Uint16Array): string {
  return String.fromCharCode.apply(null, values as unknown as number[])
}

/**
 * In: a ClientHello. Out: its JA4, the TLS client fingerprint that FoxIO published under BSD-3
 * (technical_details/JA4.md of FoxIO-LLC/ja4); TLS over TCP, so it always starts with "t".
 */
import { hash } from "node:crypto"
import { type ClientHello, isGrease } from "./client-hello.ts"

const serverName = 0
const alpnExtension = 16
const supportedVersions = 43

/** "Unknown = 00", drafts of TLS 1.3 included: the specification names no others over TCP. */
const versionCodes: ReadonlyMap<number, string> = new Map([
  [0x0304, "13"],
  [0x0303, "12"],
  [0x0302, "11"],
  [0x0301, "10"],
  [0x0300, "s3"],
  [0x0002, "s2"],
])

export function ja4(hello: ClientHello): string {
  const extensions = hello.extensions.filter((type) => !isGrease(type))
  const sni = extensions.includes(serverName) ? "d" : "i"
  const hashed = extensions.filter((type) => type !== serverName && type !== alpnExtension)
  return fingerprint(hello, { sni, alpn: alpnCode(hello.alpn), count: extensions.length, hashed })
}

/** The parts in which a JA4 and our stack key differ. */
export type FingerprintParts = {
  /** One character. */
  sni: string
  /** Two characters. */
  alpn: string
  /** Extensions counted, before the cap. */
  count: number
  /** Extension types for the hash, in any order. */
  hashed: readonly number[]
}

/** JA4's printable shape and its two hashes, over the given parts. */
export function fingerprint(hello: ClientHello, parts: FingerprintParts): string {
  const suites = hello.cipherSuites.filter((suite) => !isGrease(suite))
  const algorithms = hello.signatureAlgorithms.filter((algorithm) => !isGrease(algorithm))
  const extensions = sortedHex(parts.hashed)
  const signed = algorithms.length === 0 ? extensions : `${extensions}_${hexList(algorithms)}`
  const head = `t${versionCode(hello)}${parts.sni}${twoDigits(suites.length)}${twoDigits(parts.count)}`
  return `${head}${parts.alpn}_${hash12(sortedHex(suites))}_${hash12(extensions === "" ? "" : signed)}`
}

/** Hashes of the lists seen lately, 300 bytes each: a fleet has some hundred stacks, and the JA4 of
 * a hello and its stack key share their first hash. All go when it is full. Lists longer than any
 * client's are not remembered, or hostile hellos of 64 KiB would fill it with 600 MB. */
const hashes = new Map<string, string>()
const mostHashes = 5_000
const longestRemembered = 2_000

function versionCode(hello: ClientHello): string {
  const listed = hello.extensions.includes(supportedVersions)
  const offered = listed ? hello.supportedVersions : [hello.legacyVersion]
  const highest = Math.max(...offered.filter((version) => !isGrease(version)))
  return versionCodes.get(highest) ?? "00"
}

/**
 * First and last character of the first protocol if both are ASCII letters or digits, otherwise first
 * and last digit of its hexadecimal form. GREASE protocols (RFC 8701: two equal bytes 0x?a) are
 * passed over, as the specification wants "anywhere".
 */
function alpnCode(protocols: readonly string[]): string {
  const first = protocols.find((protocol) => !isGreaseProtocol(protocol))
  if (first === undefined || first === "") return "00"
  const [head, tail] = [first.charCodeAt(0), first.charCodeAt(first.length - 1)]
  if (isAlphanumeric(head) && isAlphanumeric(tail)) return String.fromCharCode(head, tail)
  return `${(head >> 4).toString(16)}${(tail & 15).toString(16)}`
}

function isGreaseProtocol(protocol: string): boolean {
  return protocol.length === 2 && isGrease((protocol.charCodeAt(0) << 8) | protocol.charCodeAt(1))
}

function isAlphanumeric(code: number): boolean {
  return (
    (code >= 0x30 && code <= 0x39) ||
    (code >= 0x41 && code <= 0x5a) ||
    (code >= 0x61 && code <= 0x7a)
  )
}

function twoDigits(count: number): string {
  return String(Math.min(count, 99)).padStart(2, "0")
}

const hexDigits = Buffer.from("0123456789abcdef")
const comma = 44

/** Comma-delimited four-digit hex; a hello of 64 KiB has 30,000 numbers, so no text is added to text. */
function hexList(values: Uint16Array | readonly number[]): string {
  const text = Buffer.allocUnsafe(5 * values.length)
  let at = 0
  for (const value of values) {
    text[at++] = hexDigits[value >> 12] ?? 0
    text[at++] = hexDigits[(value >> 8) & 15] ?? 0
    text[at++] = hexDigits[(value >> 4) & 15] ?? 0
    text[at++] = hexDigits[value & 15] ?? 0
    text[at++] = comma
  }
  return text.toString("latin1", 0, Math.max(0, at - 1))
}

/** At a fixed width the order of numbers is the order of text. */
function sortedHex(values: readonly number[]): string {
  return hexList(Uint16Array.from(values).sort())
}

/** An empty list prints as zeros instead of as the hash of nothing. */
function hash12(text: string): string {
  if (text === "") return "000000000000"
  const known = hashes.get(text)
  if (known !== undefined) return known
  const made = hash("sha256", text, "hex").slice(0, 12)
  if (text.length > longestRemembered) return made
  if (hashes.size >= mostHashes) hashes.clear()
  hashes.set(text, made)
  return made
}

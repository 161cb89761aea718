/** A body unpacked, and cut into what each event was sent as. */
import { isUtf8 } from "node:buffer"
import { promisify } from "node:util"
import { gunzip } from "node:zlib"
import type { WebhookSettings } from "./settings.ts"

/** So much any body may unpack to, whatever its ratio, in bytes. */
const alwaysUnpacked = 64 * 1024

type Limits = WebhookSettings["limits"]
export type Unpacked = Buffer | "too-large" | "not-gzip" | "unknown-encoding"
/** What was sent as one event, or why it cannot be read; `line` counts from 1. */
export interface Line {
  line: number
  raw: { value: unknown } | { fault: string }
}
type Cut = "too-many" | "not-json"
export type Lines = { count: number; lines: () => Iterable<Line> } | Cut

const unzip = promisify(gunzip)
/** White space of JSON (RFC 8259 section 2). */
const blanks: ReadonlySet<number> = new Set([0x20, 0x09, 0x0a, 0x0d])
const notOne = "is no JSON; send one JSON object a line"

export async function unpacked(
  body: Buffer,
  encoding: string | undefined,
  limits: Limits,
): Promise<Unpacked> {
  const name = encoding?.trim().toLowerCase() ?? "identity"
  if (name === "identity" || name === "") return body
  if (name !== "gzip" && name !== "x-gzip") return "unknown-encoding"
  const byRatio = Math.max(alwaysUnpacked, body.length * limits["unpacked-ratio"])
  try {
    return await unzip(body, { maxOutputLength: Math.min(limits["unpacked-bytes"], byRatio) })
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === "ERR_BUFFER_TOO_LARGE"
      ? "too-large"
      : "not-gzip"
  }
}

/** One JSON array, or one event a line (NDJSON; a single object is one line of it). */
export function linesOf(body: Buffer, limits: Limits): Lines {
  const start = body.subarray(0, 3).equals(Buffer.from([0xef, 0xbb, 0xbf])) ? 3 : 0
  const first = firstByte(body, start)
  return first === "[" ? elements(body, start, limits) : ofText(body, start, limits)
}

function firstByte(body: Buffer, start: number): string {
  let at = start
  while (at < body.length && blanks.has(body[at] ?? 0)) at++
  return String.fromCharCode(body[at] ?? 0)
}

/** Each element is read by itself, as a line is: one that is broken or huge costs no other. Parsed as a
 * whole, 32 MiB of brackets become gigabytes. */
function elements(body: Buffer, start: number, limits: Limits): Lines {
  const cut = cutElements(body, start, limits.lines)
  if (cut === "too-many" || cut === "not-json") return cut
  return { count: cut.length, lines: () => elementLines(body, cut, limits["line-bytes"]) }
}

function* elementLines(
  body: Buffer,
  cut: readonly (readonly [number, number])[],
  longest: number,
): Generator<Line> {
  for (const [index, [from, to]] of cut.entries()) {
    const raw = readPiece(body.subarray(from, to), longest)
    yield { line: index + 1, raw: raw === "empty" ? { fault: notOne } : raw }
  }
}

/** Where each element of the array that begins at `start` lies; brackets need not fit inside of one:
 * whoever parses it finds that. */
function cutElements(body: Buffer, start: number, most: number): [number, number][] | Cut {
  const found: [number, number][] = []
  let depth = 0
  let from = start
  for (let at = start; at < body.length; at++) {
    switch (body[at]) {
      case 0x22: // "
        at = endOfText(body, at)
        break
      case 0x5b: // [
      case 0x7b: // {
        if (++depth === 1) from = at + 1
        break
      case 0x2c: // ,
        if (depth !== 1) break
        if (found.length >= most) return "too-many"
        found.push([from, at])
        from = at + 1
        break
      case 0x5d: // ]
      case 0x7d: // }
        if (--depth > 0) break
        if (body[at] !== 0x5d || !isBlank(body, at + 1, body.length)) return "not-json"
        if (found.length === 0 && isBlank(body, from, at)) return []
        if (found.length >= most) return "too-many"
        found.push([from, at])
        return found
    }
  }
  return "not-json"
}

/** The quote that ends the text that begins at `from`; the end of the body where none does. */
function endOfText(body: Buffer, from: number): number {
  for (let at = from + 1; at < body.length; at++) {
    if (body[at] === 0x5c) at++
    else if (body[at] === 0x22) return at
  }
  return body.length
}

function isBlank(body: Buffer, from: number, to: number): boolean {
  for (let at = from; at < to; at++) if (!blanks.has(body[at] ?? 0)) return false
  return true
}

function ofText(body: Buffer, start: number, limits: Limits): Lines {
  let count = 0
  for (let at = start; at < body.length; count++) {
    const end = body.indexOf(10, at)
    at = end < 0 ? body.length : end + 1
  }
  return count > limits.lines
    ? "too-many"
    : { count, lines: () => textLines(body, start, limits["line-bytes"]) }
}

function* textLines(body: Buffer, start: number, longest: number): Generator<Line> {
  let line = 0
  for (let at = start; at < body.length; ) {
    const found = body.indexOf(10, at)
    const end = found < 0 ? body.length : found
    const bytes = body.subarray(at, end)
    at = end + 1
    line++
    const raw = readPiece(bytes, longest)
    if (raw !== "empty") yield { line, raw }
  }
}

function readPiece(bytes: Buffer, longest: number): Line["raw"] | "empty" {
  if (bytes.length > longest) return { fault: `is longer than ${longest} bytes; send less` }
  if (!isUtf8(bytes)) return { fault: "is not UTF-8; send it as UTF-8" }
  const text = bytes.toString().trim()
  if (text === "") return "empty"
  try {
    return { value: JSON.parse(text) }
  } catch {
    return { fault: notOne }
  }
}

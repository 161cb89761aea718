/**
 * JSON of a server that may be broken or hostile.
 *
 * In: bytes. Out: the value, or why it is refused. It counts before it parses: a parser that recurses
 * or allocates for each bracket is what such an answer aims at.
 */
import { randomInt } from "node:crypto"

/** No MDM nests deeper than a dozen. */
const deepest = 40
/** Commas and opening brackets: a page of 500 devices with 50 apps of 10 fields has 280,000. */
const mostValues = 4_000_000
/** Forms of objects: which members, in which order, counted member by member. The parser makes a hidden class of
 * each, of about 900 bytes: a page of 23 MiB whose objects are all different took 2.2 GB and 20 s. A fleet's
 * rows have some thousands. */
const mostForms = 100_000
/** So that nobody can write members whose hashes are the same. */
const seed = randomInt(2 ** 32)

export class NotJson extends Error {}

export function boundedJson(answer: Buffer): unknown {
  const bytes = withoutMark(answer)
  const fault = shapeFault(bytes)
  if (fault !== null) throw new NotJson(fault)
  try {
    return JSON.parse(bytes.toString("utf8"))
  } catch {
    // The parser's own words repeat what it read.
    throw new NotJson("is not JSON")
  }
}

/** Servers of .NET put a byte order mark first; RFC 8259 section 8.1 lets a reader pass over it. */
function withoutMark(bytes: Buffer): Buffer {
  return bytes[0] === 0xef && bytes[1] === 0xbb && bytes[2] === 0xbf ? bytes.subarray(3) : bytes
}

function shapeFault(bytes: Buffer): string | null {
  let depth = 0
  let values = 0
  let inText = false
  const forms = new Set<number>()
  /** Of the objects that are open, by depth: the form that they have so far. */
  const form = new Int32Array(deepest + 1)
  /** Hash of the text that was read last (FNV-1a): before a colon it is a member's name. */
  let name = seed
  for (let at = 0; at < bytes.length; at++) {
    const byte = bytes[at]
    if (inText) {
      if (byte === 0x22) inText = false
      else if (byte === 0x5c) name = Math.imul(name ^ (bytes[++at] ?? 0), 0x01000193)
      else name = Math.imul(name ^ (byte ?? 0), 0x01000193)
      continue
    }
    switch (byte) {
      case 0x22: // "
        inText = true
        name = seed
        break
      case 0x3a: {
        // :
        const mixed = Math.imul((form[depth] ?? 0) ^ name, 0x5bd1e995)
        const longer = mixed ^ (mixed >>> 15)
        form[depth] = longer
        forms.add(longer)
        if (forms.size > mostForms) return `is JSON of more than ${mostForms} forms of objects`
        break
      }
      case 0x5b: // [
      case 0x7b: // {
        values++
        if (++depth > deepest) return `is JSON nested deeper than ${deepest}`
        form[depth] = seed
        break
      case 0x5d: // ]
      case 0x7d: // }
        depth--
        break
      case 0x2c: // ,
        values++
        break
    }
    if (values > mostValues) return `is JSON of more than ${mostValues} values`
  }
  return null
}

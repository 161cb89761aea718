/**
 * JSON of a server that may be broken or hostile.
 *
 * In: bytes. Out: the value, or why it is refused. It counts before it parses: a parser that recurses
 * or allocates for each bracket is what such an answer aims at.
 */

/** No MDM nests deeper than a dozen. */
const deepest = 40
/** Commas and opening brackets: a page of 500 devices with 50 apps of 10 fields has 280,000. */
const mostValues = 4_000_000

export class NotJson extends Error {}

export function boundedJson(bytes: Buffer): unknown {
  const fault = shapeFault(bytes)
  if (fault !== null) throw new NotJson(fault)
  try {
    return JSON.parse(bytes.toString("utf8"))
  } catch {
    // The parser's own words repeat what it read.
    throw new NotJson("is not JSON")
  }
}

function shapeFault(bytes: Buffer): string | null {
  let depth = 0
  let values = 0
  let inText = false
  for (let at = 0; at < bytes.length; at++) {
    const byte = bytes[at]
    if (inText) {
      if (byte === 0x5c) at++
      else if (byte === 0x22) inText = false
      continue
    }
    switch (byte) {
      case 0x22: // "
        inText = true
        break
      case 0x5b: // [
      case 0x7b: // {
        values++
        if (++depth > deepest) return `is JSON nested deeper than ${deepest}`
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

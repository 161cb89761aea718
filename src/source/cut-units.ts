/** Whole lines or stanzas out of bytes. In: bytes from a place on. Out: units, and how far they reach. */

export interface CutSettings {
  /** What ends a unit. */
  separator: "\n" | "\n\n"
  /** Bytes; longer units are passed over, whatever it takes to find their end. */
  longest: number
  /** At most so many units. */
  most: number
  /** The bytes begin inside a unit that was too long. */
  skipping: boolean
  /** Nothing will follow: what is left is a unit, too. */
  final: boolean
}

export interface Cut {
  units: { text: string; at: number }[]
  overlong: number
  /** Bytes that are done with. */
  taken: number
  skipping: boolean
}

export function cutUnits(bytes: Buffer, settings: CutSettings): Cut {
  const { separator, longest, most, final } = settings
  const cut: Cut = { units: [], overlong: 0, taken: 0, skipping: settings.skipping }
  const unit = (end: number) => {
    if (cut.skipping) cut.skipping = false
    else if (end - cut.taken > longest) cut.overlong++
    else {
      const text = textOf(bytes.subarray(cut.taken, end))
      if (text !== "") cut.units.push({ text, at: cut.taken })
    }
  }
  while (cut.units.length < most) {
    const end = bytes.indexOf(separator, cut.taken)
    if (end < 0) break
    unit(end)
    cut.taken = end + separator.length
  }
  if (cut.units.length >= most) return cut
  if (final && cut.taken < bytes.length) {
    unit(bytes.length)
    cut.taken = bytes.length
  } else if (cut.skipping || bytes.length - cut.taken > longest) {
    if (!cut.skipping) cut.overlong++
    cut.skipping = true
    // The first half of a separator may be there already.
    cut.taken = Math.max(cut.taken, bytes.length - separator.length + 1)
  }
  return cut
}

/** Without what a writer leaves that goes on at its old place in a truncated file (zero bytes), and without the
 * ends of lines around it. By hand: an expression for what ends a text looks at each run in it again and again. */
function textOf(bytes: Buffer): string {
  let [from, to] = [0, bytes.length]
  while (bytes[from] === 0) from++
  while (isLineEnd(bytes[from])) from++
  while (to > from && isLineEnd(bytes[to - 1])) to--
  return bytes.toString("utf8", from, to)
}

function isLineEnd(byte: number | undefined): boolean {
  return byte === 0x0a || byte === 0x0d
}

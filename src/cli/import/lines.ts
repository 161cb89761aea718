/** Lines of a byte stream with their numbers; a bad line costs no more than itself. */

/** Longest line, in bytes. A longer one is skipped and reported. */
export const longestLine = 1024 * 1024

export interface Line {
  number: number
  /** The line without its end; or why there is none. */
  text: string | { bad: string }
}

export async function* linesOf(chunks: AsyncIterable<Buffer>): AsyncGenerator<Line> {
  let parts: Buffer[] = []
  let length = 0
  let number = 1
  const take = (part: Buffer) => {
    length += part.length
    // Of a line that is too long nothing is kept but its length.
    if (length > longestLine) parts = []
    else parts.push(part)
  }
  const end = (): Line => {
    const line = { number, text: textOf(parts, length) }
    parts = []
    length = 0
    number += 1
    return line
  }
  for await (const chunk of chunks) {
    let from = 0
    for (let at = chunk.indexOf(10); at !== -1; at = chunk.indexOf(10, from)) {
      take(chunk.subarray(from, at))
      from = at + 1
      yield end()
    }
    if (from < chunk.length) take(chunk.subarray(from))
  }
  if (length > 0) yield end()
}

const utf8 = new TextDecoder("utf-8", { fatal: true })

function textOf(parts: readonly Buffer[], length: number): Line["text"] {
  if (length > longestLine) {
    return { bad: `is longer than ${longestLine} bytes; split it or leave it out` }
  }
  try {
    return utf8.decode(Buffer.concat(parts)).trim()
  } catch {
    return { bad: "is not UTF-8; convert the file" }
  }
}

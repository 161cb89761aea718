/**
 * Text from elsewhere as a terminal may show it. Names of devices, hosts and owners come off the wire, out
 * of imported files and from other people's command lines: none of them may move the cursor, colour or
 * hide what stands beside it, or make a line of its own that looks like ours.
 */

/** Controls (C0, DEL, C1), line and paragraph separators, and what turns the direction of writing. */
const unseen =
  // biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what it looks for
  /[\u0000-\u001f\u007f-\u009f\u200e\u200f\u2028-\u202e\u2066-\u2069]/g

/** Each such character as its number, `\u001b`. */
export function printable(text: string): string {
  return text.replace(unseen, escaped)
}

/** The same of text of several lines, whose line feeds stay. */
export function printableLines(lines: readonly string[]): string {
  return lines.map((line) => `${printable(line)}\n`).join("")
}

function escaped(character: string): string {
  return `\\u${character.charCodeAt(0).toString(16).padStart(4, "0")}`
}

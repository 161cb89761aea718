import t from "tap"
import { printable, printableLines } from "../../src/cli/printable.ts"

t.test("what would move a terminal's cursor, colour or hide text is shown as its number", (t) => {
  const cases: Record<string, [string, string]> = {
    "an escape sequence": ["a\u001b[31mb", "a\\u001b[31mb"],
    "a line feed and a return": ["a\r\nb", "a\\u000d\\u000ab"],
    "the eight-bit form of an escape": ["\u009b31m", "\\u009b31m"],
    "DEL and NUL": ["\u007f\0", "\\u007f\\u0000"],
    "another direction of writing": ["\u202egro.elpmaxe\u2069", "\\u202egro.elpmaxe\\u2069"],
    "a line separator": ["a\u2028b", "a\\u2028b"],
    "letters of any script, and quotes": ['Jörg\'s "ключ" \\n', 'Jörg\'s "ключ" \\n'],
  }
  for (const [name, [given, shown]] of Object.entries(cases)) t.equal(printable(given), shown, name)
  t.end()
})

t.test("lines stay lines, and none can make another", (t) => {
  t.equal(printableLines(["a\nb", "c"]), "a\\u000ab\nc\n")
  t.end()
})

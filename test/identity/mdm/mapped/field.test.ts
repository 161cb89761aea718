/** How a field of a mapping is read from a row. */
import t from "tap"
import {
  FieldRule,
  readBoolean,
  readMac,
  readText,
  readTime,
  readWord,
} from "../../../../src/identity/mdm/mapped/field.ts"
import { at, PointerText } from "../../../../src/identity/mdm/mapped/pointer.ts"

const row = {
  name: " Pixel ",
  empty: "",
  nothing: null,
  number: 17,
  yes: true,
  list: ["a", { deep: "b" }],
  "a/b": { "m~n": "slash and tilde" },
  control: "a\u0000b",
  long: "x".repeat(1_025),
  os: "iOS 17.5",
  mac: "AABB.CC00.1122",
  text: "Yes",
}
const rule = (given: unknown) => FieldRule.parse(given)
const pointer = (text: string) => PointerText.parse(text)

t.test("pointers follow RFC 6901 and see own members only", (t) => {
  const rows: [string, unknown][] = [
    ["", row],
    ["/name", " Pixel "],
    ["/list/1/deep", "b"],
    ["/a~1b/m~0n", "slash and tilde"],
    ["/list/-1", undefined],
    ["/list/01", undefined],
    ["/list/length", undefined],
    ["/name/length", undefined],
    ["/constructor/name", undefined],
    ["/__proto__/toString", undefined],
    ["/nothing/deeper", undefined],
  ]
  for (const [text, expected] of rows) t.equal(at(row, pointer(text)), expected, text)
  for (const bad of ["name", "/a~2", "/a~", "/a".repeat(21)])
    t.match(PointerText.safeParse(bad).error?.issues, [{ message: /is not a JSON pointer/ }], bad)
  t.end()
})

t.test("a text is what stands there, unknown where nothing does, a fault where it is none", (t) => {
  const rows: [string, unknown, unknown][] = [
    ["trimmed", "/name", "Pixel"],
    ["a number", "/number", "17"],
    ["missing", "/none", null],
    ["null", "/nothing", null],
    ["empty", "/empty", null],
    ["declared unknown", { at: "/name", unknown: ["Pixel"] }, null],
    ["the first that says anything", ["/none", "/empty", "/name"], "Pixel"],
    ["a prefix that goes", { at: "/os", "strip-prefix": ["Android ", "iOS "] }, "17.5"],
    ["put together", { concat: ["/name", { text: " " }, "/number"] }, "Pixel 17"],
    ["put together from what is not there", { concat: ["/name", "/none"] }, null],
    ["said by the mapping", { value: "fixed" }, "fixed"],
    ["a list", "/list", { fault: "/list is a list, not a text, number or boolean" }],
    ["an object", "/a~1b", { fault: "/a~1b is an object, not a text, number or boolean" }],
    ["a boolean", "/yes", { fault: "/yes is a boolean, not a text" }],
    ["control characters", "/control", { fault: "/control has control characters" }],
    ["too long", "/long", { fault: "/long is longer than 1024 characters" }],
  ]
  for (const [what, given, expected] of rows)
    t.strictSame(readText(rule(given), row), expected, what)
  t.end()
})

t.test("tables decide what words mean, the exact one first, then the longest beginning", (t) => {
  const table = { "P*": "x", "Pi*": "ios", Pixel: "android" }
  const words = ["android", "ios"] as const
  t.equal(readWord(words, rule({ at: "/name", table }), row), "android")
  t.equal(readWord(words, rule({ at: "/name", table: { "P*": null, "Pix*": "ios" } }), row), "ios")
  t.equal(readWord(words, rule({ at: "/name", table: {}, otherwise: null }), row), null)
  t.strictSame(readWord(words, rule({ at: "/name", table: {} }), row), {
    fault: "/name is what table does not list",
  })
  t.match(readWord(words, rule("/name"), row), { fault: /is none of android, ios/ })
  t.equal(readBoolean(rule({ at: "/text", lower: true, table: { yes: true } }), row), true)
  t.equal(readBoolean(rule("/yes"), row), true)
  t.match(readBoolean(rule("/text"), row), { fault: /is a text, not true or false/ })
  t.match(readBoolean(rule({ at: "/text", table: { toString: true } }), row), {
    fault: /does not list/,
  })
  t.end()
})

t.test("a hardware address is made canonical, and what is none is a fault", (t) => {
  t.equal(readMac(rule("/mac"), row), "aa:bb:cc:00:11:22")
  t.match(readMac(rule("/name"), row), { fault: /is not a hardware address/ })
  t.end()
})

t.test("times are read as declared, and never guessed", (t) => {
  const noon = Date.parse("2026-11-20T12:00:00Z")
  const rows: [string, string, unknown, number | null | "fault"][] = [
    ["with Z", "rfc3339", "2026-11-20T12:00:00Z", noon],
    ["with an offset", "rfc3339", "2026-11-20T14:00:00.000+02:00", noon],
    ["with nanoseconds", "rfc3339", "2026-11-20T12:00:00.000000000Z", noon],
    ["without an offset", "rfc3339", "2026-11-20T12:00:00", "fault"],
    ["in UTC without saying so", "utc", "2026-11-20T12:00:00.000", noon],
    ["with a blank", "utc", "2026-11-20 12:00:00", noon],
    ["seconds", "epoch-seconds", noon / 1_000, noon],
    ["seconds as a text", "epoch-seconds", String(noon / 1_000), noon],
    ["milliseconds", "epoch-ms", noon, noon],
    ["no number", "epoch-ms", "soon", "fault"],
    ["beyond all years", "epoch-seconds", "999999999999999", "fault"],
    ["no date", "utc", "2026-13-40T25:00:00", "fault"],
    ["words", "rfc3339", "yesterday", "fault"],
    ["the year 1", "utc", "0001-01-01T00:00:00.000", null],
    ["2000, Fleet's never", "rfc3339", "2000-01-01T00:00:00Z", null],
    ["0", "epoch-seconds", 0, null],
  ]
  for (const [what, time, value, expected] of rows) {
    const read = readTime(rule({ at: "/at", time }), { at: value })
    if (expected === "fault") t.match(read, { fault: /not a time as declared/ }, what)
    else t.equal(read, expected, what)
  }
  t.end()
})

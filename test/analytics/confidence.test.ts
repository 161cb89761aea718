import t from "tap"
import {
  holds,
  isSurer,
  type Row,
  rowWords,
  stepLower,
  type Term,
  type Terms,
  weigh,
} from "../../src/analytics/confidence.ts"

const terms = (pattern: Terms["pattern"], met: Term[] = [], refuted: Term[] = []): Terms => ({
  pattern,
  met: new Set(met),
  refuted: new Set(refuted),
})

t.test("a row holds when all that it names holds", async (t) => {
  const row: Row = {
    confidence: "medium",
    pattern: ["C", "P"],
    all: ["API"],
    any: ["M", "D"],
    exactlyOne: ["S", "state"],
  }
  const rows: { name: string; terms: Terms; holds: boolean }[] = [
    { name: "all", terms: terms("P", ["API", "M", "S"]), holds: true },
    { name: "another pattern", terms: terms("O", ["API", "M", "S"]), holds: false },
    { name: "no pattern", terms: terms(null, ["API", "M", "S"]), holds: false },
    { name: "without API", terms: terms("C", ["M", "S"]), holds: false },
    { name: "none of any", terms: terms("C", ["API", "S"]), holds: false },
    { name: "none of exactly one", terms: terms("C", ["API", "M"]), holds: false },
    { name: "two of exactly one", terms: terms("C", ["API", "M", "S", "state"]), holds: false },
  ]
  for (const each of rows) t.equal(holds(row, each.terms), each.holds, each.name)
  t.equal(rowWords(row), "(C or P) + API + (M or D) + exactly one of S, state")
})

t.test(
  "what was observed and not met lowers a step, what could not be observed does not",
  async (t) => {
    const rows: Row[] = [{ confidence: "medium", pattern: ["C"], open: [["API"], ["M", "S"]] }]
    const weighed = (refuted: Term[]) => weigh(rows, terms("C", [], refuted), [])?.confidence
    t.equal(weighed([]), "medium")
    t.equal(weighed(["M"]), "medium", "one of a group is not the group")
    t.equal(weighed(["M", "S"]), "low")
    t.equal(weighed(["API", "M", "S"]), "low", "one step, however many groups")
  },
)

t.test("ceilings hold down and never raise", async (t) => {
  const rows: Row[] = [{ confidence: "medium", pattern: ["C"] }]
  const under = (...at: ("high" | "medium" | "low" | "record")[]) =>
    weigh(
      rows,
      terms("C"),
      at.map((each) => ({ at: each, why: each })),
    )
  t.equal(under("high")?.confidence, "medium")
  t.equal(under("low", "medium")?.confidence, "low")
  t.equal(under("high")?.reasons.length, 1, "a ceiling that did nothing is not told")
  t.match(under("low")?.reasons[1], /At most low: low/)
})

t.test("the surest row decides, and no row means nothing to say", async (t) => {
  const rows: Row[] = [
    { confidence: "high", pattern: ["C"], all: ["API"] },
    { confidence: "low", pattern: ["C"] },
  ]
  t.equal(weigh(rows, terms("C", ["API"]), [])?.confidence, "high")
  t.equal(weigh(rows, terms("C"), [])?.confidence, "low")
  t.equal(weigh(rows, terms("P"), []), null)
})

t.test("confidence is ordered", async (t) => {
  t.ok(isSurer("high", "medium"))
  t.notOk(isSurer("low", "low"))
  t.same((["high", "medium", "low", "record"] as const).map(stepLower), [
    "medium",
    "low",
    "record",
    "record",
  ])
})

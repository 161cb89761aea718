import t from "tap"
import { compare, withoutPassing } from "../../../src/cli/replay/compare.ts"
import { comparisonText } from "../../../src/cli/replay/text.ts"
import type { Finding } from "../../../src/record/finding.ts"
import { confirmedWorld, findTarget } from "../../analytics/worlds.ts"

const found = findTarget(confirmedWorld())
if (!found) throw new Error("the confirmed world has a finding")
const finding = (id: string, over: Partial<Finding> = {}): Finding => ({ ...found, id, ...over })

t.test(
  "a finding that appears, vanishes or is judged otherwise is told once, the surest first",
  async (t) => {
    const before = [
      finding("same"),
      finding("gone"),
      finding("gone-low", { confidence: "low" }),
      finding("less", { confidence: "high" }),
      finding("other", { verdict: "probable", confidence: "low" }),
      finding("held"),
      finding("words"),
    ]
    const after = [
      finding("same"),
      finding("less", { confidence: "medium" }),
      finding("other", { verdict: "confirmed", confidence: "high" }),
      finding("held", { state: "held" }),
      finding("words", { reasons: ["others"] }),
      finding("new"),
    ]
    const comparison = compare(before, after, 1)
    t.strictSame(comparison.changed, {
      appeared: 1,
      vanished: 2,
      verdict: 1,
      confidence: 1,
      life: 1,
      told: 1,
    })
    t.equal(comparison.same, 1)
    t.strictSame(
      comparison.examples.map(({ change, before, after }) => [change, (after ?? before)?.id]),
      [
        ["appeared", "new"],
        ["vanished", "gone"],
        ["verdict", "other"],
        ["confidence", "less"],
        ["life", "held"],
        ["told", "words"],
      ],
    )
    const sums = comparison.counts.reduce(
      (sum, each) => ({ before: sum.before + each.before, after: sum.after + each.after }),
      { before: 0, after: 0 },
    )
    t.strictSame(sums, { before: 7, after: 6 })
    const head = {
      from: "a",
      to: "b",
      tenant: "acme",
      other_tenants: [],
      records: 1,
      judgements: 2,
      set: [],
      outcomes_changed: 3,
    }
    const text = comparisonText(head, comparison, ["as it is", "as set"])
    t.match(text, /Vanished: 2\n {2}gone .*\n {2}\.\.\. and 1 more/)
    t.match(text, /probable, low, open, \d+ refusals -> confirmed, high, open/)
    t.match(text, /3 attempts have another outcome/)
  },
)

t.test("what came and went between two looks is no difference to what is stored", async (t) => {
  const closed = { state: "closed" as const }
  const sides = withoutPassing(
    [finding("both", closed), finding("passed", closed), finding("open")],
    [finding("both", closed), finding("passed too", closed)],
  )
  t.strictSame(
    sides.stored.map(({ id }) => id),
    ["both", "open"],
  )
  t.strictSame(
    sides.replayed.map(({ id }) => id),
    ["both"],
  )
})

import t from "tap"
import { TrialUse } from "../../../src/policy/trial/trial-use.ts"
import { control, minute, noon } from "../given.ts"
import { memoryLedger } from "./memory-ledger.ts"

t.test("workers that share a ledger share a trial's connections, bytes and time", async (t) => {
  const limits = { ...control, connections: 3, bytes: 1_000 }
  const ledger = memoryLedger()
  const [one, other] = [new TrialUse(ledger), new TrialUse(ledger)]
  t.same(one.admit("a", noon, limits), { until: noon + 2 * minute })
  t.same(other.admit("a", noon + minute, limits), { until: noon + 2 * minute }, "of the first")
  t.same(one.admit("a", noon + minute, limits), { until: noon + 2 * minute })
  t.equal(other.admit("a", noon + minute, limits), "spent")

  let bytes = 0
  for (const use of [one, other, one, other])
    while (use.passes("a", 10, noon + minute, limits)) bytes += 10
  t.equal(bytes, 1_000, "to the last byte, whoever had leased it")

  t.equal(one.admit("b", noon, limits) === "spent", false, "another trial has its own")
  t.equal(one.admit("b", noon + 2 * minute, limits), "spent", "its time is over")
})

t.test("bytes pass all or none, and are leased in parts that leave others some", async (t) => {
  const ledger = memoryLedger()
  const use = new TrialUse(ledger)
  use.admit("a", noon, control)
  t.equal(use.passes("a", 1, noon, control), true)
  t.equal(ledger.used.get("a")?.bytes, 1024 ** 2)
  const asked = ledger.asked
  for (let n = 0; n < 1_000; n++) use.passes("a", 100, noon, control)
  t.equal(ledger.asked, asked, "one lease is asked for once")

  const small = { ...control, bytes: 320 }
  use.admit("small", noon, small)
  use.passes("small", 1, noon, small)
  t.equal(ledger.used.get("small")?.bytes, 10)
  t.equal(use.passes("small", 321, noon, small), false, "more than there is")
  t.equal(use.passes("unknown", 1, noon, control), false, "what was never admitted may not go on")
})

t.test("what the ledger called spent is not asked again, unless more is allowed", async (t) => {
  const limits = { ...control, connections: 1 }
  const ledger = memoryLedger()
  const use = new TrialUse(ledger)
  use.admit("a", noon, limits)
  t.equal(use.exhausted("a", noon, limits), false, "this worker cannot know yet")
  t.equal(use.admit("a", noon, limits), "spent")
  t.equal(use.exhausted("a", noon, limits), true)
  const asked = ledger.asked
  t.equal(use.admit("a", noon, limits), "spent")
  t.equal(ledger.asked, asked)
  const more = { ...limits, connections: 2 }
  t.equal(use.exhausted("a", noon, more), false)
  t.match(use.admit("a", noon, more), { until: noon + 2 * minute })
  t.equal(use.firstAt("a"), noon)
  t.equal(use.firstAt("b"), null)
})

t.test("fails closed: without an answer of the ledger no trial is granted", async (t) => {
  for (const ledger of [null, { admit: () => "unavailable" as const, lease: () => 0 }]) {
    const use = new TrialUse(ledger)
    t.equal(use.admit("a", noon, control), "unavailable")
    t.equal(use.passes("a", 1, noon, control), false)
    t.equal(use.exhausted("a", noon, control), false, "it may answer the next time")
  }
})

t.test(
  "trials are remembered up to a bound, and a forgotten one has no more than its own",
  async (t) => {
    const limits = { ...control, connections: 1, bytes: 100 }
    const use = new TrialUse(memoryLedger())
    use.admit("first", noon, limits)
    t.equal(use.passes("first", 100, noon, limits), true)
    for (let n = 0; n < 10_000; n++) use.admit(`t${n}`, noon, limits)
    t.equal(use.firstAt("first"), null)
    t.equal(use.admit("first", noon, limits), "spent")
    t.equal(use.passes("first", 1, noon, limits), false)
  },
)

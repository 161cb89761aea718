import t from "tap"
import { TrialUse } from "../../src/policy/trial-use.ts"
import { control, minute, noon } from "./given.ts"

t.test("a trial is exhausted by its first cap", async (t) => {
  const limits = { ...control, connections: 3, bytes: 1000 }
  const rows: [name: string, act: (use: TrialUse) => void, at: number, exhausted: boolean][] = [
    ["unused", () => {}, noon, false],
    ["one open", (use) => use.opened("a", noon), noon + 1, false],
    ["time over", (use) => use.opened("a", noon), noon + 2 * minute, true],
    [
      "a later open moves nothing",
      (use) => {
        use.opened("a", noon)
        use.opened("a", noon + minute)
      },
      noon + 2 * minute,
      true,
    ],
    [
      "connections",
      (use) => {
        for (let i = 0; i < 3; i++) use.opened("a", noon)
      },
      noon,
      true,
    ],
    [
      "bytes",
      (use) => {
        use.opened("a", noon)
        use.passed("a", 1000, limits)
      },
      noon,
      true,
    ],
    [
      "another trial",
      (use) => {
        use.opened("b", noon)
        use.passed("b", 9999, limits)
      },
      noon,
      false,
    ],
  ]
  for (const [name, act, at, exhausted] of rows) {
    const use = new TrialUse()
    act(use)
    t.equal(use.exhausted("a", at, limits), exhausted, name)
  }
})

t.test(
  "bytes are counted over all connections of a trial, and the last one is told to stop",
  async (t) => {
    const limits = { ...control, bytes: 1000 }
    const use = new TrialUse()
    use.opened("a", noon)
    use.opened("a", noon)
    t.equal(use.passed("a", 999, limits), true)
    t.equal(use.passed("a", 1, limits), false)
    t.equal(use.passed("unknown", 1, limits), false, "what was never opened may not go on")
  },
)

t.test("fails closed: a trial beyond the memory of this worker is exhausted", async (t) => {
  const use = new TrialUse()
  for (let i = 0; i < 10_000; i++) use.opened(`t${i}`, noon)
  t.equal(use.exhausted("one-more", noon, control), true)
  t.equal(use.exhausted("t5", noon, control), false)
  use.keep(new Set(["t5"]))
  t.equal(use.exhausted("one-more", noon, control), false)
  t.equal(use.firstAt("t5"), noon)
  t.equal(use.firstAt("t6"), null)
})

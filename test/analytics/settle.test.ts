import t from "tap"
import { judgeDevice } from "../../src/analytics/judge.ts"
import { settle } from "../../src/analytics/settle.ts"
import { context, evidence } from "../support/records.ts"
import { confirmedWorld, refusedAt, seenAt, settings, trialAt } from "./worlds.ts"

const world = confirmedWorld()
const judge = (given = world) => judgeDevice(given, context(), settings)
const before = judge().findings
const bypass = { splice_cause: "learned" as const, control: false }

t.test("a finding is stored, updated, closed or held", async (t) => {
  t.same(settle([], judge()), before, "new")
  t.same(settle(before, judge()), [], "unchanged is not written again")
  const more = judge({
    ...world,
    attempts: [...world.attempts, ...refusedAt([20])],
  })
  const [updated, none] = settle(before, more)
  t.equal(updated?.id, before[0]?.id, "updated, not doubled")
  t.equal(none, undefined)
  const accepted = judge(evidence({ attempts: seenAt("accepted", [30]) }))
  t.same(
    settle(before, accepted).map(({ id, state }) => [id, state]),
    [[before[0]?.id, "closed"]],
  )
  const hidden = judge(evidence({ flows: trialAt([30], bypass) }))
  const held = settle(before, hidden)
  t.same(
    held.map(({ state }) => state),
    ["held"],
    "refusals stopped only because a bypass hides the key",
  )
  t.same(settle(held, hidden), [], "held stays held")
  t.same(
    settle(held, accepted).map(({ state }) => state),
    ["closed"],
  )
})

t.test("a closed finding stays closed until it is found again", async (t) => {
  const closed = before.map((finding) => ({ ...finding, state: "closed" as const }))
  t.same(settle(closed, judge(evidence())), [])
  t.same(settle(closed, judge()), before)
})

t.test("a verdict that still stands is held while its key is spliced by a bypass", async (t) => {
  const spliced = judge({ ...world, flows: [...world.flows, ...trialAt([30], bypass)] })
  t.same(
    spliced.findings.map(({ verdict, state }) => [verdict, state]),
    [["confirmed", "held"]],
  )
})

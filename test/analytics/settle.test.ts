import t from "tap"
import { judgeDevice } from "../../src/analytics/judge.ts"
import { faultKey } from "../../src/analytics/sensor-fault.ts"
import { settle } from "../../src/analytics/settle.ts"
import type { JudgementContext } from "../../src/record/attributed.ts"
import { Drift } from "../../src/record/drift.ts"
import { at, ca1, context, evidence, MINUTE } from "../support/records.ts"
import { confirmedWorld, refusedAt, seenAt, settings, trialAt } from "./worlds.ts"

const world = confirmedWorld()
const judge = (given = world, over: Partial<JudgementContext> = {}) =>
  judgeDevice(given, context(over), settings)
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

t.test(
  "what was found before a fault of the sensor stands as it is while that lasts",
  async (t) => {
    const at = { sensor_config: "c1", issuing_ca: ca1 }
    const faultAt = (sensor_id: string) => ({
      sensor_fault: new Set([faultKey({ ...at, sensor_id })]),
    })
    t.same(settle(before, judge(world, faultAt("s1"))), [])
    const more = { ...world, attempts: [...world.attempts, ...refusedAt([20])] }
    t.match(settle(before, judge(more, faultAt("s2"))), [{ id: before[0]?.id, state: "open" }])
  },
)

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

t.test("a held finding says what has drifted under its bypass, and from which flows", async (t) => {
  const drift = (now: string, minute: number) =>
    Drift.parse({
      tenant: "t1",
      site: "hq",
      sensor_id: "s1",
      v: 1,
      id: `drift-${now}`,
      observed_at: at(minute * MINUTE),
      entry_id: "e1",
      sign: "stack",
      was: "1 stack: app",
      now,
      device_id: "d1",
      evidence_ids: ["flow-x"],
    })
  const hidden = evidence({ flows: trialAt([30], { ...bypass, register_entry: "e1" }) })
  const held = settle(before, judge(hidden))
  const heldReasons = held[0]?.reasons ?? []
  const curl = { drifts: new Map([["e1", [drift("curl", 29)]]]) }
  const [drifted] = settle(held, judge(hidden, curl))
  t.equal(drifted?.state, "held")
  t.strictSame(drifted?.reasons.slice(0, -1), heldReasons)
  t.match(drifted?.reasons.at(-1), /a stack not seen before, curl .*flow flow-x/)
  t.same(settle(drifted ? [drifted] : [], judge(hidden, curl)), [], "told once")
  const later = { drifts: new Map([["e1", [drift("curl", 29), drift("wget", 24 * 60)]]]) }
  t.same(
    settle(drifted ? [drifted] : [], judge(hidden, later)),
    [],
    "what comes later is not known",
  )
  const foreign = { drifts: new Map([["e2", [drift("curl", 29)]]]) }
  t.same(settle(held, judge(hidden, foreign)), [], "another bypass is no reason")
})

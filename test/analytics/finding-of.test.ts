import t from "tap"
import { MINUTE, pinEvent, posture, stateEvent, who } from "../support/records.ts"
import { confirmedWorld, findTarget, refusedAt } from "./worlds.ts"

t.test("a finding says what was seen, why, and what would raise or refute it", async (t) => {
  const finding = findTarget(confirmedWorld(who(), { postures: [posture()] }))
  t.match(finding, {
    tenant: "t1",
    verdict: "confirmed",
    refusals: 4,
    control_flows: 2,
    observed_at: "2026-11-21T00:12:00.000Z",
    first_seen: "2026-11-21T00:01:00.000Z",
    last_seen: "2026-11-21T00:12:00.000Z",
    state: "open",
    app_attribution: "observed",
  })
  t.ok(finding?.would_raise.some((each) => each.startsWith("API (MobileEDR:telemetry)")))
  t.ok(finding?.would_refute.some((each) => each.includes("acceptance of our certificate")))
  t.ok(finding?.reasons.some((each) => each === "Confidence medium: C + (M or S or D)."))
  t.ok(finding?.confounders_ruled_out.some((each) => each.startsWith("distrust of the CA")))
})

t.test(
  "the evidence lists refusals, control flows, proofs and what met the channels",
  async (t) => {
    const event = pinEvent(MINUTE - 1)
    const given = confirmedWorld(who(), { app_events: [event] })
    const ids = findTarget(given)?.evidence_ids ?? []
    for (const { fact } of [...given.attempts, ...given.flows]) t.ok(ids.includes(fact.id), fact.id)
    t.ok(ids.includes(event.id))
    t.equal(new Set(ids).size, ids.length)
    const many = Array.from({ length: 1_300 }, (_, index) => 1 + index / 10)
    const long = findTarget({ ...given, attempts: [...given.attempts, ...refusedAt(many)] })
    t.ok((long?.evidence_ids.length ?? 0) <= 1_000, "bounded")
  },
)

t.test("severity sees the device's risk and the exposure", async (t) => {
  const events = [stateEvent(30_000, { app_state: "background" }), pinEvent(MINUTE - 1)]
  const severity = (over: Parameters<typeof posture>[0]) =>
    findTarget(confirmedWorld(who(), { app_events: events, postures: [posture(over)] }))?.severity
  t.equal(severity({}), "high")
  t.equal(severity({ jailbroken: true }), "critical")
})

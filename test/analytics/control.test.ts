import t from "tap"
import { controlEvidence, hoursOf, isOpaque } from "../../src/analytics/control.ts"
import { sightings } from "../../src/analytics/sighting.ts"
import type { Flow } from "../../src/record/flow.ts"
import { by, context, evidence, flow, HOUR, MINUTE, zeekFlow } from "../support/records.ts"
import { refusedAt, settings, target } from "./worlds.ts"

function control(flows: Flow[], refusedMinutes: number[] = []) {
  const seen = sightings(
    evidence({ flows: flows.map((each) => by(each)), attempts: refusedAt(refusedMinutes) }),
    context().now,
    settings,
  )
  return { seen, ...controlEvidence(seen.flows, seen.attempts) }
}

t.test(
  "trials and sessions around the proxy are control flows, our other splices are not",
  async (t) => {
    const rows: { name: string; flow: Flow; used: number; failed: number; attempted: number }[] = [
      { name: "trial", flow: flow(target, 0), used: 1, failed: 0, attempted: 0 },
      { name: "around the proxy", flow: zeekFlow(target, 0), used: 1, failed: 0, attempted: 0 },
      {
        name: "not proven to be around the proxy",
        flow: zeekFlow(target, 0, { control: false }),
        used: 0,
        failed: 0,
        attempted: 0,
      },
      {
        name: "undecided",
        flow: zeekFlow(target, 0, { verdict: "undecided", strong: false, duration_ms: 10 }),
        used: 0,
        failed: 0,
        attempted: 0,
      },
      {
        name: "our own bypass",
        flow: flow(target, 0, { splice_cause: "learned", control: false }),
        used: 0,
        failed: 0,
        attempted: 0,
      },
      {
        name: "failed",
        flow: flow(target, 0, { verdict: "failed", strong: false }),
        used: 0,
        failed: 1,
        attempted: 0,
      },
      {
        name: "unused and closed at once",
        flow: flow(target, 0, { verdict: "established-unused", duration_ms: 2_000 }),
        used: 0,
        failed: 1,
        attempted: 0,
      },
      {
        name: "unused for long",
        flow: flow(target, 0, { verdict: "established-unused", duration_ms: 2_001 }),
        used: 0,
        failed: 0,
        attempted: 0,
      },
      {
        name: "sent only",
        flow: flow(target, 0, { verdict: "sent-only", duration_ms: 10 }),
        used: 0,
        failed: 0,
        attempted: 0,
      },
      {
        name: "blocked direct try",
        flow: zeekFlow(target, 0, { verdict: "direct-attempted" }),
        used: 0,
        failed: 0,
        attempted: 1,
      },
    ]
    for (const row of rows) {
      const found = control([row.flow])
      t.same(
        [found.used.length, found.failed.length, found.attempted.length],
        [row.used, row.failed, row.attempted],
        row.name,
      )
    }
  },
)

t.test("a refusal counts as after when it began after a used control flow had begun", async (t) => {
  t.equal(control([flow(target, 6 * MINUTE)], [1, 6]).refusalAfter, false)
  t.equal(control([flow(target, 6 * MINUTE)], [1, 6.1]).refusalAfter, true)
  t.equal(control([], [1, 6]).refusalAfter, false)
  const failed = flow(target, 0, { verdict: "failed", strong: false })
  t.equal(control([failed], [1]).refusalAfter, false, "a failed control flow is none")
})

t.test("opaque is what was not our decision about the key", async (t) => {
  const [trial, around, mtls, operator] = control([
    flow(target, 1),
    zeekFlow(target, 2),
    flow(target, 3, { splice_cause: "client-certificate", control: false }),
    flow(target, 4, { splice_cause: "operator", control: false }),
  ]).seen.flows.map(isOpaque)
  t.same([trial, around, mtls, operator], [false, true, true, false])
})

t.test("hours are clock hours", async (t) => {
  const at = (...ms: number[]) =>
    hoursOf(control(ms.map((each) => zeekFlow(target, each))).seen.flows)
  t.equal(at(0, HOUR - 1), 1)
  t.equal(at(HOUR - 1, HOUR), 2)
})

t.test("a flow that may be one of ours that a tap saw is not opaque either", async (t) => {
  t.equal(control([zeekFlow(target, 0)]).opaque.length, 1)
  t.equal(control([zeekFlow(target, 0, { control: false })]).opaque.length, 0)
})

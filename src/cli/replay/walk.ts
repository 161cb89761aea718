/**
 * The walk through the past: facts in the order of event time, a span at a time, handed to every lane.
 * In: the store, which is only read, and the time to replay. Out: how far it is, after each span.
 */
import type { Store } from "../../evidence/store.ts"
import type { Attempt } from "../../record/attempt.ts"
import type { Flow } from "../../record/flow.ts"
import type { OtherTenants } from "../other-tenants.ts"
import type { Lane } from "./lane.ts"
import type { PastRegister } from "./past-register.ts"

/** Connections in memory at once beside the evidence of the devices that are judged. */
const batch = 2_000

export interface Walk {
  store: Pick<Store, "inTime" | "firstTime">
  lanes: readonly Lane[]
  register: PastRegister
  /** Told of each attempt, flow and app event. */
  others: OtherTenants
  /** What is judged, [from, to) in epoch milliseconds. */
  from: number
  to: number
  /** So much before it is learned, and nobody judged for it: the evidence of its first devices. */
  leadIn: number
  /** Who is concerned by the facts of a span so long is judged at its end. */
  span: number
}

export interface Progress {
  /** Attempts and flows read so far. */
  records: number
  /** Up to when, in epoch milliseconds. */
  at: number
  /** Judgements of devices so far, in all lanes. */
  judgements: number
}

export function* walk({ store, lanes, register, others, from, to, leadIn, span }: Walk) {
  let records = 0
  const learn = function* (start: number, end: number) {
    for (const facts of inBatches(store, start, end)) {
      for (const lane of lanes) lane.learn({ ...facts, app_events: [] })
      for (const fact of [...facts.attempts, ...facts.flows]) others.note(fact)
      records += facts.attempts.length + facts.flows.length
      yield
    }
    for (const events of batches(store.inTime("app-events", start, end))) {
      for (const event of events) others.note(event)
      for (const lane of lanes) lane.learn({ ...none, app_events: events })
    }
  }
  const progress = (at: number): Progress => ({
    records,
    at,
    judgements: lanes.reduce((sum, lane) => sum + lane.counts.judgements, 0),
  })
  for (const _ of learn(from - leadIn, from)) yield progress(from)
  for (const lane of lanes) lane.forgetDue()
  let start = firstFact(store, from)
  while (start !== null && start < to) {
    const end = Math.min(to, (Math.floor(start / span) + 1) * span)
    for (const _ of learn(start, end)) yield progress(start)
    const entries = register.at(end)
    for (const lane of lanes) lane.judge(end, entries)
    yield progress(end)
    start = firstFact(store, end)
  }
}

const none = { attempts: [], flows: [] }

/** Empty time is passed over in one step: a clock that was wrong for a moment may be years away. */
function firstFact(store: Walk["store"], from: number): number | null {
  const times = (["attempts", "flows", "app-events"] as const)
    .map((kind) => store.firstTime(kind, from))
    .filter((time) => time !== null)
  return times.length === 0 ? null : Math.min(...times)
}

function* inBatches(
  store: Walk["store"],
  from: number,
  to: number,
): Generator<{ attempts: Attempt[]; flows: Flow[] }> {
  for (const attempts of batches(store.inTime("attempts", from, to))) yield { attempts, flows: [] }
  for (const flows of batches(store.inTime("flows", from, to))) yield { attempts: [], flows }
}

function* batches<Fact>(facts: Iterable<Fact>): Generator<Fact[]> {
  let some: Fact[] = []
  for (const fact of facts) {
    some.push(fact)
    if (some.length < batch) continue
    yield some
    some = []
  }
  if (some.length > 0) yield some
}

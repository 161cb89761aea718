import { isDeepStrictEqual } from "node:util"
import fc from "fast-check"
import t from "tap"
import { DeviceLedger } from "../../src/analytics/device-ledger.ts"
import { judgeDevice } from "../../src/analytics/judge.ts"
import { AnalyticsSettings } from "../../src/analytics/settings.ts"
import { SightingMaker } from "../../src/analytics/sighting.ts"
import type { AppEvent } from "../../src/record/app-event.ts"
import type { Attempt, Outcome } from "../../src/record/attempt.ts"
import type { Attributed } from "../../src/record/attributed.ts"
import type { Finding } from "../../src/record/finding.ts"
import type { Flow } from "../../src/record/flow.ts"
import type { RegisterEntry } from "../../src/record/register-entry.ts"
import {
  attempt,
  bank,
  by,
  ca1,
  ca2,
  context,
  dayStart,
  device,
  flow,
  MINUTE,
  pinEvent,
  posture,
  SECOND,
  someone,
  stack1,
  stack2,
  stateEvent,
  who,
  zeekFlow,
} from "../support/records.ts"

const window = 30 * MINUTE
const outcomes: Outcome[] = [
  "accepted",
  "accepted",
  "refused-alert",
  "refused-alert",
  "refused-after-handshake",
  "refused-reset",
  "refused-close",
  "timed-out",
  "abandoned",
  "idle",
]
const owners = [
  who(),
  who({ app_version: null }),
  who({ app_id: "com.example.chat", app_version: "2.0" }),
  someone(),
  someone({ app_id: bank, app: "inferred" }),
  someone({ device: "ambiguous", binding_id: null }),
]
const names = [
  "api.bank.example",
  "www.news.example",
  "cdn.maps.example",
  "a.rot.example",
  "b.rot.example",
  "c.rot.example",
  "www.apple.com",
]

/** A step of the stream: something that was seen of the device, or became known of it. */
interface Step {
  kind: "attempt" | "trial" | "around" | "bypass" | "event" | "again" | "register" | "reread"
  /** Seconds by which the device's time moves on, and by which this is late. */
  on: number
  late: number
  name: number
  outcome: number | null
  owner: number
  variant: number
}

const step: fc.Arbitrary<Step> = fc.record({
  kind: fc.constantFrom(
    "attempt" as const,
    "attempt" as const,
    "attempt" as const,
    "attempt" as const,
    "attempt" as const,
    "trial" as const,
    "around" as const,
    "bypass" as const,
    "event" as const,
    "again" as const,
    "register" as const,
    "reread" as const,
  ),
  on: fc.oneof(
    { weight: 10, arbitrary: fc.integer({ min: 0, max: 5 }) },
    { weight: 10, arbitrary: fc.integer({ min: 20, max: 120 }) },
    { weight: 1, arbitrary: fc.constant(1_200) },
  ),
  late: fc.oneof(
    { weight: 5, arbitrary: fc.constant(0) },
    { weight: 1, arbitrary: fc.integer({ min: 1, max: 2_500 }) },
  ),
  // Few places most of the time, so that keys come together.
  name: fc.oneof(fc.constant(0), fc.nat({ max: 2 }), fc.nat({ max: names.length - 1 })),
  /** Nothing: what the place usually does. */
  outcome: fc.option(fc.nat({ max: outcomes.length - 1 }), { freq: 2 }),
  owner: fc.oneof(
    { weight: 6, arbitrary: fc.constant(0) },
    { weight: 1, arbitrary: fc.nat({ max: owners.length - 1 }) },
  ),
  variant: fc.nat({ max: 23 }),
})

/** Everything of one stream, as a store would have it. */
class World {
  readonly attempts: Attributed<Attempt>[] = []
  readonly flows: Attributed<Flow>[] = []
  readonly events: AppEvent[] = []
  register: RegisterEntry[] = []
  now = 0
  #count = 0

  /** What the step adds, taken in here. */
  take(one: Step, ledger: DeviceLedger): void {
    this.now += one.on * SECOND + (one.on > 0 ? one.variant : 0)
    const ms = Math.max(0, this.now - one.late * SECOND)
    const id = `r${String(this.#count++).padStart(5, "0")}`
    const sni = names[one.name] ?? ""
    const who = owners[one.owner] ?? someone()
    const later = one.variant % 8 === 7
    const over = {
      id,
      stack: one.variant % 5 === 4 ? stack2 : stack1,
      connect_user_agent: one.variant % 6 === 5 ? "tool/1" : null,
      issuing_ca: one.variant === 23 ? ca2 : ca1,
    }
    switch (one.kind) {
      case "attempt": {
        const usual = one.name === 1 || one.name === 2 ? "accepted" : "refused-alert"
        const outcome = outcomes[one.outcome ?? -1] ?? usual
        const fact = attempt(sni, ms, outcome, {
          ...over,
          ...(later && outcome.startsWith("refused") ? { strength: "weak" } : {}),
          ...(outcome === "abandoned" && later ? { end: "rst" } : {}),
        })
        this.attempts.push(by(fact, who))
        return ledger.attempt(by(fact, who))
      }
      case "trial":
        return this.#flow(
          flow(sni, ms, { ...over, verdict: later ? "failed" : "used" }),
          who,
          ledger,
        )
      case "around":
        return this.#flow(
          zeekFlow(sni, ms, {
            id,
            control: true,
            verdict: later ? "direct-attempted" : "used",
            end: later ? "rst" : "fin",
          }),
          who,
          ledger,
        )
      case "bypass": {
        const entry = `entry-${one.variant % 2}`
        const splice_cause = one.variant % 3 === 0 ? ("learned" as const) : ("operator" as const)
        const fact = flow(sni, ms, { ...over, splice_cause, control: false, register_entry: entry })
        return this.#flow(fact, who, ledger)
      }
      case "event": {
        const make = later ? pinEvent : stateEvent
        const event = make(ms, { background: true } as never, {})
        const full = { ...event, id, event_id: id }
        this.events.push(full)
        return ledger.event(full)
      }
      case "again": {
        // The same record twice, as after a crash.
        const known = this.attempts.at(-1 - (one.variant % 4))
        return known && ledger.attempt(known)
      }
      case "register":
        this.register = [entryOf(`entry-${one.variant % 2}`, one.variant % 3 === 0)]
        return
      case "reread":
        return this.#reread(ms, who, ledger)
    }
  }

  #flow(fact: Flow, attribution: Attributed<Flow>["who"], ledger: DeviceLedger): void {
    this.flows.push(by(fact, attribution))
    ledger.flow(by(fact, attribution))
  }

  /** A span of which somebody else is known now to be behind every third connection, or nobody of us. */
  #reread(ms: number, attribution: Attributed<Attempt>["who"], ledger: DeviceLedger): void {
    const [from, to] = [dayStart + ms - 2 * MINUTE, dayStart + ms]
    const within = ({ fact }: Attributed<Attempt | Flow>) => {
      const at = Date.parse(fact.observed_at)
      return at >= from && at < to
    }
    for (const list of [this.attempts, this.flows] as Attributed<Attempt | Flow>[][])
      for (const [index, each] of [...list.entries()].reverse())
        if (within(each) && index % 3 === 0)
          if (index % 2 === 0) list.splice(index, 1)
          else list[index] = { ...each, who: attribution }
    ledger.replace(from, to, {
      attempts: this.attempts.filter(within),
      flows: this.flows.filter(within),
    })
  }
}

function entryOf(id: string, proven: boolean): RegisterEntry {
  return {
    id,
    kind: "bypass",
    evidence_ids: proven ? ["r00001"] : [],
    trial: null,
  } as unknown as RegisterEntry
}

function known(world: World) {
  return context({
    now: dayStart + world.now,
    register: world.register,
    stack_devices: new Map(),
    baselines: { standing: () => ({ is: "missing", why: "few devices" }), before: () => null },
  })
}

function settingsOf(mostRecords: number) {
  const analytics = AnalyticsSettings.parse({
    scope: { window: `${window / MINUTE}m`, "trust-within": "10m", "trust-near": "5m" },
    "operator-domains": ["*.maps.example"],
  })
  return {
    analytics,
    maker: new SightingMaker(analytics["library-user-agents"]),
    mostRecords,
    mostEvents: 1_000,
    eventsBefore: 0,
    eventsAfter: 5_000,
  }
}

/** What a reader of the whole store comes to. */
function oracle(world: World, settings: ReturnType<typeof settingsOf>, about: object): Finding[] {
  const now = dayStart + world.now
  const inWindow = ({ observed_at }: AppEvent) => {
    const at = Date.parse(observed_at)
    return at >= now + 1 - window && at <= now + settings.eventsAfter
  }
  const evidence = {
    device_id: "d1",
    ...about,
    attempts: world.attempts,
    flows: world.flows,
    app_events: world.events.filter(inWindow),
  }
  const { findings } = judgeDevice(
    evidence as Parameters<typeof judgeDevice>[0],
    known(world),
    settings.analytics,
  )
  return findings
}

t.test("evidence that is added comes to the same findings as evidence that is read", (t) => {
  let seen = 0
  const verdicts = new Set<string>()
  fc.assert(
    fc.property(
      fc.array(step, { minLength: 20, maxLength: 70, size: "max" }),
      fc.constantFrom("android" as const, "ios" as const, "unknown" as const),
      fc.boolean(),
      (given, platform, calm) => {
        // One app and one stack that is never late: else hardly anything is ever confirmed.
        const steps = calm
          ? given.map((one) => ({ ...one, owner: 0, late: 0, variant: 0, on: one.on % 100 }))
          : given
        const settings = settingsOf(20_000)
        const world = new World()
        const about = { device: device({ platform }), postures: [posture()] }
        const ledger = new DeviceLedger("d1", settings)
        for (const one of steps) {
          world.take(one, ledger)
          const { findings } = ledger.judge(about, known(world))
          const expected = oracle(world, settings, about)
          for (const { verdict } of expected) verdicts.add(verdict)
          seen += expected.length
          if (!isDeepStrictEqual(findings, expected)) {
            t.strictSame(findings, expected)
            throw new Error("they differ")
          }
        }
      },
    ),
    { numRuns: 30 },
  )
  t.ok(seen > 100, `${seen} findings were compared`)
  t.ok(verdicts.size >= 3, `among them ${[...verdicts]}`)
  t.end()
})

t.test("of more records than are looked at the newest count, whenever they come", async (t) => {
  const settings = { ...settingsOf(20_000), mostRecords: 12 }
  const about = { device: device(), postures: [posture()] }
  const all = Array.from({ length: 40 }, (_, index) =>
    by(
      attempt(
        names[index % 3] ?? "",
        index * 20 * SECOND,
        index % 3 ? "accepted" : "refused-alert",
        {
          id: `r${String(index).padStart(3, "0")}`,
        },
      ),
    ),
  )
  const now = dayStart + 40 * 20 * SECOND
  const said = context({
    now,
    stack_devices: new Map(),
    baselines: { standing: () => ({ is: "missing", why: "few devices" }), before: () => null },
  })
  const newest = { device_id: "d1", ...about, attempts: all.slice(-12), flows: [], app_events: [] }
  const { findings } = judgeDevice(newest, said, settings.analytics)
  for (const order of [all, all.toReversed()]) {
    const ledger = new DeviceLedger("d1", settings)
    for (const one of order) ledger.attempt(one)
    t.strictSame(ledger.judge(about, said).findings, findings)
    t.equal(ledger.size, 12)
  }
})

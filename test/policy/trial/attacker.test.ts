/**
 * The attacker's week: devices that refuse, connect and wait as they like, clocks that are set,
 * restarts and faults. Whatever the order, control opens no more than docs/trials.md says.
 */
import fc from "fast-check"
import t from "tap"
import type { Use } from "../../../src/policy/trial/trial-step.ts"
import type { ScopeJudgement } from "../../../src/record/scope-judgement.ts"
import { control, hour, minute, noon, second } from "../given.ts"
import { about, Register } from "./stepping.ts"

const day = 24 * hour
const settings = {
  ...control,
  "per-key-a-day": 2,
  "per-device-a-day": 3,
  "fleet-an-hour": 4,
  connections: 5,
  bytes: 1_000,
}
const devices = ["phone-1", "phone-2", "phone-3"]
const names = ["a.evil.example", "b.evil.example", "c.evil.example", "d.evil.example"]

const verdict = fc.constantFrom<ScopeJudgement["verdict"]>(
  "suspected",
  "suspected",
  "probable",
  "probable",
  "confirmed",
  "accepts",
  "mixed",
  "broken-or-other",
)
const event = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.record({
      does: fc.constant("refuse" as const),
      device: fc.constantFrom(...devices),
      name: fc.constantFrom(...names),
      verdict,
      strong: fc.integer({ min: 0, max: 2 }),
      after: fc.boolean(),
    }),
  },
  {
    weight: 5,
    arbitrary: fc.record({
      does: fc.constant("connect" as const),
      pick: fc.nat(20),
      bytes: fc.integer({ min: 0, max: 400 }),
    }),
  },
  {
    weight: 3,
    arbitrary: fc.record({
      does: fc.constant("wait" as const),
      ms: fc.constantFrom(second, 20 * second, minute, 10 * minute, hour, 7 * hour, day),
    }),
  },
  {
    weight: 1,
    arbitrary: fc.record({
      does: fc.constant("set the clock" as const),
      ms: fc.constantFrom(-day, -hour, -minute, minute, hour, day),
    }),
  },
  { weight: 1, arbitrary: fc.record({ does: fc.constant("fault" as const), is: fc.boolean() }) },
)

/** The most of these times that lie within one span. */
function mostWithin(times: readonly number[], span: number): number {
  const sorted = times.toSorted((a, b) => a - b)
  return sorted.reduce((most, from, index) => {
    const until = sorted.findIndex((time) => time >= from + span)
    return Math.max(most, (until < 0 ? sorted.length : until) - index)
  }, 0)
}

t.test(
  "no sequence of refusals, uses and clocks opens more than the documented bound",
  async (t) => {
    let armed = 0
    let learned = 0
    fc.assert(
      fc.property(
        fc.array(event, { minLength: 20, maxLength: 120 }),
        fc.boolean(),
        (events, splices) => {
          const chosen = { ...settings, hold: splices ? ("splice" as const) : ("inspect" as const) }
          // All state is the register and the use beside it, so every step is also a restart.
          const register = new Register()
          const use = new Map<string, Use>()
          const refusals = new Map<string, number>()
          let now = noon
          let fault = false
          const pass = (judgements: ScopeJudgement[] = []) =>
            register.step({
              settings: chosen,
              judgements,
              now,
              fault,
              useOf: (id) => use.get(id) ?? null,
            })
          for (const one of events) {
            now += 1
            if (one.does === "wait" || one.does === "set the clock") now += one.ms
            if (one.does === "fault") fault = one.is
            if (one.does === "refuse") {
              const key = `${one.device} ${one.name}`
              refusals.set(key, (refusals.get(key) ?? 0) + 1)
              pass([
                about(one.device, one.name, {
                  verdict: one.verdict,
                  control_used: ["f1"],
                  control_strong: ["f1", "f2"].slice(0, one.strong),
                  refusal_after_control: one.after,
                  first_refusal_ms: now,
                  last_refusal_ms: now,
                  last_ms: now,
                }),
              ])
              continue
            }
            if (one.does === "connect") {
              const open = register
                .of("trial")
                .filter((entry) => ["armed", "splicing"].includes(entry.trial?.state ?? ""))
              const entry = open[one.pick % Math.max(1, open.length)]
              // As a worker admits it: within its time, and its caps not used up.
              const before = entry && use.get(entry.id)
              const within =
                entry &&
                now < Date.parse(entry.expires_at ?? "") &&
                (before?.hits ?? 0) < settings.connections &&
                (before?.bytes ?? 0) < settings.bytes
              if (entry && within)
                use.set(entry.id, {
                  hits: (before?.hits ?? 0) + 1,
                  bytes:
                    (before?.bytes ?? 0) +
                    Math.min(one.bytes, settings.bytes - (before?.bytes ?? 0)),
                  first_ms: Math.min(before?.first_ms ?? now, now),
                })
            }
            pass()
            if (fault)
              for (const { trial } of register.of("trial")) {
                if (trial?.state === "armed" || trial?.state === "splicing") return false
              }
            for (const { id, trial, expires_at } of register.of("trial")) {
              if (trial?.state !== "splicing") continue
              const so = use.get(id)
              const first = Date.parse(trial.first_splice_at ?? "")
              if ((so?.hits ?? 0) >= settings.connections || (so?.bytes ?? 0) >= settings.bytes)
                return false
              if (now < first || now >= Date.parse(expires_at ?? "")) return false
              if (Date.parse(expires_at ?? "") - first > settings["splice-for"]) return false
            }
          }
          const trials = register.of("trial")
          armed += trials.length
          learned += register.of("learned").length
          const made = (of: (key: string) => boolean) =>
            trials
              .filter(({ scope }) => of(`${scope.device_id} ${scope.sni}`))
              .map(({ created_at }) => Date.parse(created_at))
          return (
            mostWithin(
              made(() => true),
              hour,
            ) <= settings["fleet-an-hour"] &&
            devices.every(
              (device) =>
                mostWithin(
                  made((key) => key.startsWith(device)),
                  day,
                ) <= settings["per-device-a-day"],
            ) &&
            [...refusals].every(([key, count]) => {
              const times = made((each) => each === key)
              return mostWithin(times, day) <= settings["per-key-a-day"] && times.length <= count
            }) &&
            (splices || register.of("learned").length === 0)
          )
        },
      ),
      { numRuns: 250 },
    )
    t.ok(armed > 250 && learned > 5, `it saw ${armed} trials and ${learned} learned entries`)
  },
)

t.test(
  "a client that refuses on purpose for a week gets what the caps leave, and no more",
  async (t) => {
    const register = new Register()
    const use = new Map<string, Use>()
    let refused = 0
    const many = Array.from({ length: 60 }, (_, index) => `h${index}.evil.example`)
    for (let now = noon; now < noon + 7 * day; now += 30 * minute) {
      const judgements = many.map((name) => {
        refused += 1
        return about("phone-1", name, {
          verdict: "probable",
          control_used: ["f1"],
          control_strong: ["f1"],
          refusal_after_control: true,
          first_refusal_ms: now,
          last_refusal_ms: now,
          last_ms: now,
        })
      })
      register.step({ judgements, now, useOf: (id) => use.get(id) ?? null })
      for (const { id, trial } of register.of("trial"))
        if (trial?.state === "armed")
          use.set(id, { hits: control.connections, bytes: control.bytes, first_ms: now })
    }
    const trials = register.of("trial")
    const uses = [...use.values()]
    const days = 7
    t.ok(
      trials.length <= (days + 1) * control["per-device-a-day"],
      `${trials.length} trials, ${refused} refusals`,
    )
    t.ok(uses.reduce((sum, { bytes }) => sum + bytes, 0) <= (days + 1) * 20 * 50 * 1024 ** 2)
    t.same(register.of("learned"), [], "hold: inspect opens nothing beyond")
  },
)

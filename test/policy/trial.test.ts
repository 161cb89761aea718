import fc from "fast-check"
import t from "tap"
import { decide } from "../../src/policy/decide.ts"
import { preparePolicy } from "../../src/policy/prepare.ts"
import { stepTrials, type TrialHit, type TrialStep } from "../../src/policy/trial.ts"
import { TrialUse } from "../../src/policy/trial-use.ts"
import { RegisterEntry } from "../../src/record/register-entry.ts"
import type { ScopeJudgement } from "../../src/record/scope-judgement.ts"
import {
  common,
  control,
  facts,
  hour,
  iso,
  judgement,
  minute,
  noon,
  second,
  trial,
} from "./given.ts"

const day = 24 * hour

function step(given: Partial<TrialStep>) {
  const outcome = stepTrials({
    trials: [],
    judgements: [],
    hits: [],
    settings: control,
    common,
    now: noon,
    newId: (key) => `id-${key.replaceAll(/[^\w|-]/g, "_")}`,
    ...given,
  })
  for (const entry of outcome.changed) RegisterEntry.parse(entry)
  return outcome
}
const open = (at_ms: number, entry_id = "trial-1"): TrialHit => ({
  entry_id,
  at_ms,
  event: "open",
  bytes: 0,
})
const close = (at_ms: number, bytes: number): TrialHit => ({
  ...open(at_ms),
  event: "close",
  bytes,
})
const splicing = (given = {}) =>
  trial(
    { state: "splicing", since: iso(noon), first_splice_at: iso(noon), connections: 1, ...given },
    { expires_at: iso(noon + 2 * minute) },
  )
const reInspecting = (given = {}) =>
  trial(
    { state: "re-inspecting", since: iso(noon), first_splice_at: iso(noon - 3 * minute), ...given },
    { expires_at: iso(noon + day), created_at: iso(noon - hour) },
  )

t.test("a confirmed key goes through every state once", async (t) => {
  let trials: RegisterEntry[] = []
  const states: string[] = []
  const advance = (now: number, given: Partial<TrialStep>) => {
    const { changed } = step({ ...given, trials, now })
    const byId = new Map([...trials, ...changed].map((entry) => [entry.id, entry]))
    trials = [...byId.values()]
    states.push(trials.map((entry) => entry.trial?.state ?? entry.kind).join())
  }
  advance(noon, { judgements: [judgement()] })
  advance(noon + second, { judgements: [judgement()] })
  const id = trials[0]?.id ?? ""
  advance(noon + hour, { hits: [open(noon + hour - second, id)] })
  t.equal(trials[0]?.expires_at, iso(noon + hour - second + 2 * minute))
  const used: Partial<ScopeJudgement> = { verdict: "probable", control_strong: ["f1"] }
  advance(noon + hour + second, { judgements: [judgement(used)] })
  advance(noon + hour + 2 * minute, {})
  const last_ms = noon + hour + 5 * minute
  const confirmed = judgement({
    verdict: "confirmed",
    refusal_after_control: true,
    control_strong: ["f1", "f2"],
    last_ms,
  })
  advance(last_ms, { judgements: [confirmed] })
  advance(last_ms + second, { judgements: [confirmed] })
  t.same(states, ["armed", "armed", "splicing", "splicing", "re-inspecting", "holding", "holding"])
  t.equal(trials[0]?.expires_at, iso(last_ms + 7 * day))
})

t.test("what the clock does to a trial", async (t) => {
  const rows: [name: string, entry: RegisterEntry, now: number, state: string, lastsMs: number][] =
    [
      ["armed and nobody came", trial(), noon + day, "cooling", 0],
      ["its time is over", splicing(), noon + 2 * minute, "re-inspecting", day],
      [
        "its connections are used up",
        splicing({ connections: 20 }),
        noon + second,
        "re-inspecting",
        day,
      ],
      [
        "its bytes are used up",
        splicing({ bytes: 52_428_800 }),
        noon + second,
        "re-inspecting",
        day,
      ],
      ["nothing decided it", reInspecting(), noon + day, "cooling", 6 * hour],
      ["the cool-down doubles", reInspecting({ round: 2 }), noon + day, "cooling", 24 * hour],
      ["up to seven days", reInspecting({ round: 40 }), noon + day, "cooling", 7 * day],
    ]
  for (const [name, entry, now, state, lastsMs] of rows) {
    const { changed, notes } = step({ trials: [entry], now })
    t.equal(changed[0]?.trial?.state, state, name)
    t.equal(changed[0]?.expires_at, iso(now + lastsMs), name)
    t.match(notes, [{ entry_id: "trial-1", note: /\S/ }], name)
    t.same(
      step({ trials: [entry], now: now - minute }).changed[0]?.trial?.state ?? "",
      /used up/.test(name) ? "re-inspecting" : "",
      `${name}: not before`,
    )
  }
})

t.test("what a judgement does to a trial", async (t) => {
  const later = { last_ms: noon + minute }
  const probable: Partial<ScopeJudgement> = {
    verdict: "probable",
    refusal_after_control: true,
    control_strong: ["f1"],
    ...later,
  }
  const rows: [
    name: string,
    entry: RegisterEntry,
    given: Partial<ScopeJudgement>,
    state: string | null,
    note: RegExp,
  ][] = [
    ["armed, accepted since", trial(), { verdict: "accepts", ...later }, "cooling", /accepted/],
    ["armed, accepted long before", trial(), { verdict: "accepts" }, null, /^$/],
    ["armed, binding lost", trial(), { device: "shared" }, "cooling", /not bound/],
    ["armed, still suspected", trial(), later, null, /^$/],
    [
      "splicing, fails too",
      splicing(),
      { verdict: "broken-or-other", ...later },
      "cooling",
      /fails without/,
    ],
    [
      "splicing, enough seen",
      splicing(),
      { verdict: "probable", control_strong: ["f1", "f2"] },
      "re-inspecting",
      /enough control flows/,
    ],
    ["splicing, one seen", splicing(), { verdict: "probable", control_strong: ["f1"] }, null, /^$/],
    [
      "re-inspecting, confirmed",
      reInspecting(),
      { verdict: "confirmed", ...later },
      "holding",
      /confirmed/,
    ],
    [
      "re-inspecting, accepts",
      reInspecting(),
      { verdict: "accepts", ...later },
      "cooling",
      /accepted/,
    ],
    ["re-inspecting, mixed", reInspecting(), { verdict: "mixed", ...later }, "cooling", /accepted/],
    ["re-inspecting, mixed before", reInspecting(), { verdict: "mixed" }, null, /^$/],
    [
      "re-inspecting, broken",
      reInspecting(),
      { verdict: "broken-or-other", ...later },
      "cooling",
      /fails without/,
    ],
    [
      "re-inspecting, not refused yet",
      reInspecting(),
      { ...probable, refusal_after_control: false },
      null,
      /^$/,
    ],
    ["re-inspecting, refused again", reInspecting(), probable, "cooling", /another round/],
    [
      "re-inspecting, another key",
      reInspecting(),
      { verdict: "confirmed", sni: "b.example.org" },
      null,
      /^$/,
    ],
  ]
  for (const [name, entry, given, state, note] of rows) {
    const outcome = step({ trials: [entry], judgements: [judgement(given)], now: noon + minute })
    const same = outcome.changed.find(({ id }) => id === "trial-1")
    t.equal(same?.trial?.state ?? null, state, name)
    t.match(outcome.notes[0]?.note ?? "", note, name)
  }
})

t.test("an app that accepts does not end the trial of one that refuses", async (t) => {
  const last_ms = noon + minute
  const other = judgement({
    verdict: "accepts",
    last_ms,
    key: { ...judgement().key, app_id: "other" },
  })
  t.same(step({ trials: [trial()], judgements: [judgement(), other], now: last_ms }).changed, [])
})

t.test(
  "too few control flows and a refusal after them arm another round within the day's cap",
  async (t) => {
    const probable = judgement({
      verdict: "probable",
      refusal_after_control: true,
      control_strong: ["f1"],
      last_ms: noon + minute,
    })
    const given = { trials: [reInspecting()], judgements: [probable], now: noon + minute }
    const { changed } = step(given)
    t.match(changed, [
      { id: "trial-1", trial: { state: "cooling" } },
      { trial: { state: "armed", round: 1 } },
    ])
    t.equal(step({ ...given, settings: { ...control, "per-key-a-day": 1 } }).changed.length, 1)
  },
)

t.test("a hit starts the trial's time, and nothing moves its start forward", async (t) => {
  const [started] = step({
    trials: [trial()],
    hits: [open(noon + 5 * second), open(noon + 3 * second)],
    now: noon + 6 * second,
  }).changed
  t.match(started, {
    expires_at: iso(noon + 123 * second),
    trial: { state: "splicing", first_splice_at: iso(noon + 3 * second), connections: 2 },
  })

  const rows: [name: string, hits: TrialHit[], first: number, end: number][] = [
    ["a later open", [open(noon + minute)], noon, noon + 2 * minute],
    [
      "an earlier open that comes late",
      [open(noon - second)],
      noon - second,
      noon + 2 * minute - second,
    ],
    ["a clock ahead", [open(noon + hour)], noon, noon + 2 * minute],
  ]
  for (const [name, hits, first, end] of rows) {
    const [changed] = step({ trials: [splicing()], hits, now: noon + minute }).changed
    t.match(
      changed,
      { expires_at: iso(end), trial: { first_splice_at: iso(first), connections: 2 } },
      name,
    )
  }
  const [ahead] = step({ trials: [trial()], hits: [open(noon + hour)], now: noon }).changed
  t.match(ahead, { trial: { first_splice_at: iso(noon) } }, "a worker's clock ahead of ours")
})

t.test("a hit before the end counts though it is delivered after it", async (t) => {
  const { changed } = step({
    trials: [trial()],
    hits: [open(noon + day - second), close(noon + day, 700)],
    now: noon + day + minute,
  })
  t.match(changed, [{ trial: { state: "splicing", connections: 1, bytes: 700 } }])
  const late = step({
    trials: [reInspecting({ connections: 2, bytes: 10 })],
    hits: [close(noon, 90)],
  })
  t.match(late.changed, [{ trial: { state: "re-inspecting", connections: 2, bytes: 100 } }])
})

t.test("with control off nothing is armed and what runs is ended", async (t) => {
  const settings = { ...control, mode: "off" as const }
  t.same(step({ judgements: [judgement()], settings }).changed, [])
  for (const entry of [trial(), splicing(), reInspecting()]) {
    const { changed, notes } = step({ trials: [entry], settings })
    t.match(changed, [{ expires_at: iso(noon), trial: { state: "cooling" } }])
    t.match(notes, [{ note: /control\.mode is off/ }])
  }
})

t.test("what a confirmed key leads to is the operator's choice", async (t) => {
  const confirmed = judgement({
    verdict: "confirmed",
    control_strong: ["f1", "f2"],
    last_ms: noon + minute,
  })
  const rows: [name: string, settings: object, learned: object | null][] = [
    ["hold: inspect", {}, null],
    ["hold: block", { hold: "block" }, null],
    [
      "hold: splice",
      { hold: "splice" },
      { reason: /^learned/, expires_at: iso(noon + 7 * day), review_at: iso(noon + 3.5 * day) },
    ],
    [
      "learn",
      { mode: "learn" },
      { reason: /^proposal, not in force/, expires_at: iso(noon), review_at: iso(noon + 7 * day) },
    ],
    ["learn, hold: splice", { mode: "learn", hold: "splice" }, { reason: /^learned/ }],
  ]
  for (const [name, given, expected] of rows) {
    const settings = { ...control, ...given }
    const { changed } = step({ trials: [reInspecting()], judgements: [confirmed], settings })
    const learned = changed.find(({ kind }) => kind === "learned")
    if (expected === null) t.equal(learned, undefined, name)
    else {
      t.match(
        learned,
        {
          owner: "pinsensor",
          scope: {
            device_id: "phone-1",
            stack: "t13-okhttp",
            sni: "api.example.org",
            client_network: null,
          },
          ...expected,
        },
        name,
      )
      t.same(learned?.evidence_ids, ["q1", "q2", "a1", "a2", "a3", "f1", "f2"], name)
    }
    const policy = preparePolicy({ rules: [], control: settings }, changed)
    const does = { inspect: "inspect", splice: "splice", block: "block" }[settings.hold]
    t.equal(
      decide(facts(), policy, noon + minute).do,
      does,
      `${name}: what the next connection meets`,
    )
  }
})

t.test("starting the correlator again makes no second trial", async (t) => {
  const first = step({ judgements: [judgement()] })
  t.same(
    step({ judgements: [judgement()], now: noon + second }).changed.map(({ id }) => id),
    first.changed.map(({ id }) => id),
  )
  t.same(step({ trials: first.changed, judgements: [judgement()] }), { changed: [], notes: [] })
})

t.test("entries that are no trials are left alone", async (t) => {
  const { trial: _none, ...rest } = trial()
  t.same(step({ trials: [{ ...rest, trial: null }], now: noon + 9 * day }).changed, [])
})

t.test(
  "a trial never splices longer than splice-for nor more than its caps, whatever the order of inputs",
  async () => {
    const settings = {
      ...control,
      connections: 4,
      bytes: 1000,
      "splice-for": minute,
      "per-key-a-day": 2,
    }
    const verdict = fc.constantFrom(
      "suspected",
      "probable",
      "confirmed",
      "accepts",
      "mixed",
      "broken-or-other",
    )
    const event = fc.oneof(
      {
        weight: 4,
        arbitrary: fc.record({
          kind: fc.constant("connect" as const),
          bytes: fc.integer({ min: 0, max: 600 }),
        }),
      },
      {
        weight: 2,
        arbitrary: fc.record({
          kind: fc.constant("step" as const),
          verdict,
          strong: fc.integer({ min: 0, max: 2 }),
          after: fc.boolean(),
        }),
      },
      {
        weight: 1,
        arbitrary: fc.record({
          kind: fc.constant("deliver" as const),
          from: fc.nat(20),
          twice: fc.boolean(),
        }),
      },
      { weight: 1, arbitrary: fc.constant({ kind: "reload" as const }) },
      {
        weight: 2,
        arbitrary: fc.record({
          kind: fc.constant("wait" as const),
          ms: fc.constantFrom(second, 20 * second, minute, hour, day),
        }),
      },
    )
    let spliced = 0
    fc.assert(
      fc.property(fc.array(event, { maxLength: 80 }), (events) => {
        let now = noon
        let register: RegisterEntry[] = []
        const use = new TrialUse()
        // The worker's policy is as old as its last reload; hits wait until they are delivered.
        let policy = preparePolicy({ rules: [], control: settings }, register, use)
        let waiting: TrialHit[] = []
        let delivered: TrialHit[] = []
        const seen = new Map<string, { times: number[]; bytes: number }>()
        for (const one of [
          { kind: "step" as const, verdict: "suspected" as const, strong: 0, after: false },
          { kind: "reload" as const },
          ...events,
        ]) {
          now += 1
          if (one.kind === "wait") now += one.ms
          if (one.kind === "reload")
            policy = preparePolicy({ rules: [], control: settings }, register, use)
          if (one.kind === "deliver") {
            const from = Math.min(one.from, waiting.length)
            delivered.push(...waiting.slice(from), ...(one.twice ? waiting.slice(from) : []))
            waiting = waiting.slice(0, from)
          }
          if (one.kind === "step") {
            const given = {
              verdict: one.verdict,
              control_strong: ["f1", "f2"].slice(0, one.strong),
              refusal_after_control: one.after,
              last_ms: now,
            }
            const { changed } = step({
              trials: register,
              judgements: [judgement(given)],
              hits: delivered,
              settings,
              now,
            })
            delivered = []
            register = [
              ...new Map([...register, ...changed].map((entry) => [entry.id, entry])).values(),
            ]
          }
          if (one.kind === "connect") {
            const decision = decide(facts(), policy, now)
            const id = decision.register_entry
            if (decision.splice_cause !== "trial" || id === null) continue
            spliced += 1
            use.opened(id, now)
            const total = seen.get(id) ?? { times: [], bytes: 0 }
            seen.set(id, total)
            total.times.push(now, decision.splice_until ?? Number.POSITIVE_INFINITY)
            // A pump that passes one byte at a time, as finely as the cap can be kept.
            let bytes = 0
            while (bytes < one.bytes) {
              bytes += 1
              if (!use.passed(id, 1, settings)) break
            }
            total.bytes += bytes
            waiting.push(
              { entry_id: id, at_ms: now, event: "open", bytes: 0 },
              { entry_id: id, at_ms: now, event: "close", bytes },
            )
          }
        }
        const perDay = register.filter(({ created_at }) => Date.parse(created_at) > now - day)
        return (
          perDay.length <= settings["per-key-a-day"] &&
          [...seen.values()].every(
            ({ times, bytes }) =>
              Math.max(...times) - Math.min(...times) <= settings["splice-for"] &&
              times.length / 2 <= settings.connections &&
              bytes <= settings.bytes,
          )
        )
      }),
      { numRuns: 300 },
    )
    t.ok(spliced > 300, `the property saw ${spliced} splices`)
  },
)

import t from "tap"
import { decide } from "../../../src/policy/decide.ts"
import { preparePolicy } from "../../../src/policy/prepare.ts"
import type { TrialStep } from "../../../src/policy/trial/trial-step.ts"
import type { RegisterEntry } from "../../../src/record/register-entry.ts"
import type { ScopeJudgement } from "../../../src/record/scope-judgement.ts"
import { control, facts, hour, iso, judgement, minute, noon, second, trial } from "../given.ts"
import { about, Register, step, used } from "./stepping.ts"

const day = 24 * hour

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
  const register = new Register()
  const states: string[] = []
  let use = used(0, 0, null)
  const advance = (now: number, given: Partial<TrialStep>) => {
    register.step({ ...given, now, useOf: () => use })
    states.push(
      register
        .of("trial")
        .map((entry) => entry.trial?.state ?? entry.kind)
        .join(),
    )
  }
  const end = () => register.of("trial")[0]?.expires_at
  advance(noon, { judgements: [judgement()] })
  advance(noon + second, { judgements: [judgement()] })
  use = used(1, 0, noon + hour - second)
  advance(noon + hour, {})
  t.equal(end(), iso(noon + hour - second + 2 * minute))
  const probable: Partial<ScopeJudgement> = { verdict: "probable", control_strong: ["f1"] }
  advance(noon + hour + second, { judgements: [judgement(probable)] })
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
  t.equal(end(), iso(last_ms + 7 * day))
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

t.test("a trial is written only when its state changes, not with each connection", async (t) => {
  const register = new Register()
  register.step({ judgements: [judgement()] })
  let writes = 0
  for (let count = 1; count <= 19; count += 1)
    writes += register.step({
      now: noon + minute + count * second,
      useOf: () => used(count, count * 1000, noon + minute),
    }).writes.length
  t.equal(writes, 1, "as its time began")
  register.step({ now: noon + minute + 30 * second, useOf: () => used(20, 20_000, noon + minute) })
  t.match(register.of("trial"), [
    { trial: { state: "re-inspecting", connections: 20, bytes: 20_000 } },
  ])
})

t.test("the first use starts the trial's time, and nothing moves its start forward", async (t) => {
  const began = step({
    trials: [trial()],
    useOf: () => used(2, 0, noon + 3 * second),
    now: noon + 6 * second,
  })
  t.match(began.changed, [
    {
      expires_at: iso(noon + 123 * second),
      trial: { state: "splicing", first_splice_at: iso(noon + 3 * second), connections: 2 },
    },
  ])
  const earlier = step({
    trials: [splicing()],
    useOf: () => used(2, 0, noon - second),
    now: noon + minute,
  })
  t.match(
    earlier.changed,
    [
      {
        expires_at: iso(noon + 2 * minute - second),
        trial: { first_splice_at: iso(noon - second), connections: 2 },
      },
    ],
    "an earlier hit that comes late shortens it",
  )
  t.same(
    step({ trials: [splicing()], useOf: () => used(3, 10, noon + hour), now: noon + minute })
      .changed,
    [],
    "a later one changes nothing",
  )
  t.match(
    step({ trials: [trial()], useOf: () => used(1, 0, noon + hour) }).changed,
    [{ trial: { first_splice_at: iso(noon) } }],
    "a worker's clock ahead of ours",
  )
})

t.test("a use before the end counts though it is told after it", async (t) => {
  const { changed } = step({
    trials: [trial()],
    useOf: () => used(1, 700, noon + day - second),
    now: noon + day + minute,
  })
  t.match(changed, [{ trial: { state: "splicing", connections: 1, bytes: 700 } }])
  const late = {
    trials: [reInspecting({ connections: 2, bytes: 10 })],
    useOf: () => used(2, 90, noon),
  }
  t.same(step(late).changed, [], "after its time it changes nothing by itself")
  t.match(
    step({ ...late, now: noon + 2 * day }).changed,
    [{ trial: { state: "cooling", bytes: 90 } }],
    "and stands in the entry with the next change",
  )
})

t.test("with control off nothing is armed and what runs is ended", async (t) => {
  const settings = { ...control, mode: "off" as const }
  t.same(step({ judgements: [judgement()], settings }).changed, [])
  for (const entry of [trial(), splicing(), reInspecting()]) {
    const { changed, notes } = step({ trials: [entry], settings })
    t.match(changed, [{ expires_at: iso(noon), trial: { state: "cooling" } }])
    t.match(notes, [{ note: /control is off/ }])
  }
})

t.test("what a confirmed key leads to is its group's choice", async (t) => {
  const confirmed = judgement({
    verdict: "confirmed",
    control_strong: ["f1", "f2"],
    last_ms: noon + minute,
  })
  const group = (choice: object) => ({ groups: [{ group: "field", ...choice }] })
  const rows: [
    name: string,
    settings: object,
    hold: string,
    does: string,
    standing: string | undefined,
  ][] = [
    ["hold: inspect", {}, "inspect", "inspect", undefined],
    ["hold: block", { hold: "block" }, "block", "block", undefined],
    ["hold: splice", { hold: "splice" }, "splice", "splice", "in-force"],
    ["learn", { mode: "learn" }, "inspect", "inspect", "proposed"],
    [
      "learn, accepted",
      { mode: "learn", learn: { ...control.learn, accept: true } },
      "splice",
      "splice",
      "in-force",
    ],
    ["learn, hold: splice", { mode: "learn", hold: "splice" }, "splice", "splice", "in-force"],
    [
      "learn, accepted, but blocked",
      { mode: "learn", hold: "block", learn: { ...control.learn, accept: true } },
      "block",
      "block",
      "proposed",
    ],
    ["its group blocks", group({ hold: "block" }), "block", "block", undefined],
    ["its group splices", group({ hold: "splice" }), "splice", "splice", "in-force"],
    [
      "its group has opted in",
      group({ mode: "learn", accept: true }),
      "splice",
      "splice",
      "in-force",
    ],
    [
      "another group splices",
      { groups: [{ group: "lab", hold: "splice" }] },
      "inspect",
      "inspect",
      undefined,
    ],
  ]
  for (const [name, given, hold, does, standing] of rows) {
    const settings = { ...control, ...given }
    const { changed } = step({ trials: [reInspecting()], judgements: [confirmed], settings })
    const held = changed.find(({ kind }) => kind === "trial")
    t.match(held, { trial: { state: "holding", hold } }, name)
    const learned = changed.find(({ kind }) => kind === "learned")
    t.equal(learned?.standing, standing, name)
    const inForce = changed.filter((each) => each.standing === "in-force")
    const policy = preparePolicy({ rules: [], control: settings }, inForce)
    t.equal(decide(facts(), policy, noon + minute).do, does, `${name}: the next connection`)
  }
})

t.test("a group whose control is off has no trials, whatever others have", async (t) => {
  const settings = { ...control, groups: [{ group: "field", mode: "off" as const }] }
  t.same(step({ judgements: [judgement()], settings }).changed, [])
  const { changed, notes } = step({ trials: [splicing()], settings })
  t.match(changed, [{ expires_at: iso(noon), trial: { state: "cooling" } }])
  t.match(notes, [{ note: /off for its device/ }])
})

t.test("a group's policy that changes while a key is held is followed", async (t) => {
  const register = new Register()
  const confirmed = judgement({ verdict: "confirmed", control_strong: ["f1", "f2"] })
  register.step({ trials: [reInspecting()], judgements: [confirmed] })
  t.same(register.inForce(noon), [])
  const later = noon + day
  const splice = { ...control, hold: "splice" as const }
  register.step({ settings: splice, now: later })
  t.match(register.of("trial"), [{ trial: { state: "holding", hold: "splice" } }])
  const [learned] = register.inForce(later)
  t.equal(learned?.expires_at, iso(noon + 7 * day), "for the rest of its time")
  t.same(register.step({ settings: splice, now: later + second }).writes, [], "once")
  const back = register.step({ now: later + minute })
  t.same(register.inForce(later + minute), [])
  t.match(back.notes, [{ note: /is inspect now/ }, { note: /does not splice what is confirmed/ }])
})

t.test("what the sensor's own fault or another epoch does to trials", async (t) => {
  const elsewhere = judgement({ epoch: { issuing_ca: "ca2", sensor_config: "c1" } })
  const epoch = { issuing_ca: "ca", sensor_config: "c1" }
  const rows: [
    name: string,
    entry: RegisterEntry,
    given: Partial<TrialStep>,
    note: RegExp | null,
  ][] = [
    ["fault, armed", trial(), { fault: true }, /at fault/],
    ["fault, splicing", splicing(), { fault: true }, /at fault/],
    ["fault, re-inspecting", reInspecting(), { fault: true }, null],
    [
      "fault, confirmed meanwhile",
      reInspecting(),
      { fault: true, judgements: [judgement({ verdict: "confirmed" })] },
      null,
    ],
    ["another CA", splicing({ epoch }), { judgements: [elsewhere] }, /CA or the sensor's/],
    ["the same CA", splicing({ epoch }), { judgements: [judgement()] }, null],
    ["an entry without an epoch", splicing(), { judgements: [elsewhere] }, null],
  ]
  for (const [name, entry, given, note] of rows) {
    const outcome = step({ trials: [entry], now: noon + second, ...given })
    t.equal(outcome.changed.length, note === null ? 0 : 1, name)
    t.match(outcome.notes[0]?.note ?? "", note ?? /^$/, name)
  }
  t.same(step({ judgements: [judgement()], fault: true }).writes, [], "nothing is armed")
})

t.test("a clock that is set back ends a splicing trial instead of lengthening it", async (t) => {
  const { changed, notes } = step({ trials: [splicing()], now: noon - hour })
  t.match(changed, [{ trial: { state: "re-inspecting" } }])
  t.match(notes, [{ note: /clock was set back/ }])
})

t.test("a trial follows its device from address to address, and to nobody else", async (t) => {
  const policy = preparePolicy({ rules: [], control }, [splicing()])
  const next = (given: object) => decide(facts(given), policy, noon + second).do
  t.equal(next({}), "splice")
  t.equal(next({ device_id: "phone-2" }), "inspect")
  t.equal(next({ device_id: null }), "inspect", "shared, or unbound")
  t.equal(next({ client_ip: "10.1.2.4" }), "splice", "a phone changes its network, and is itself")
  t.equal(next({ stack: "t13-other" }), "inspect", "another stack of the device")
})

t.test("entries of another tenant are neither moved nor counted", async (t) => {
  const foreign = trial({}, { tenant: "other", expires_at: iso(noon - hour) })
  t.same(step({ trials: [foreign] }).writes, [])
  const settings = { ...control, "fleet-an-hour": 1 }
  t.equal(
    step({ trials: [foreign], judgements: [about("phone-9", "x.example")], settings }).changed
      .length,
    1,
  )
})

t.test("starting the correlator again makes no second trial", async (t) => {
  const first = step({ judgements: [judgement()] })
  t.same(
    step({ judgements: [judgement()], now: noon + second }).changed.map(({ id }) => id),
    first.changed.map(({ id }) => id),
  )
  t.same(step({ trials: first.changed, judgements: [judgement()] }).writes, [])
})

t.test("entries that are no trials are left alone", async (t) => {
  const { trial: _none, ...rest } = trial()
  t.same(step({ trials: [{ ...rest, trial: null }], now: noon + 9 * day }).changed, [])
})

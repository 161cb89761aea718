import t from "tap"
import type { ControlSettings } from "../../../src/policy/settings.ts"
import { brokenSince } from "../../../src/policy/trial/broken.ts"
import type { Trial } from "../../../src/policy/trial/trial-key.ts"
import type { ScopeJudgement } from "../../../src/record/scope-judgement.ts"
import { control, entry, hour, iso, judgement, minute, noon, trial } from "../given.ts"
import { step } from "./stepping.ts"

const epoch = { issuing_ca: "ca", sensor_config: "c1" }
const splice = { ...control, hold: "splice" as const }
const since = noon - 12 * hour
/** Works when spliced, refuses since half a day, and was not confirmed. */
const probable = (given: Partial<ScopeJudgement> = {}) =>
  judgement({
    verdict: "probable",
    control_used: ["f1"],
    control_strong: ["f1"],
    first_refusal_ms: since,
    missing: "A second strongly used control flow.",
    ...given,
  })
const cooling = (given: object = {}) =>
  trial(
    { state: "cooling", since: iso(noon - hour), refused_since: iso(since), epoch, ...given },
    { created_at: iso(noon - 3 * hour), expires_at: iso(noon + hour) },
  )

t.test(
  "an app is broken since its first refusal in the epoch, over all rounds of its trials",
  async (t) => {
    const early = iso(noon - 30 * hour)
    const rows: [name: string, rounds: Trial[], expected: number][] = [
      ["no trial", [], since],
      ["a round of this epoch", [cooling({ refused_since: early }) as Trial], noon - 30 * hour],
      [
        "a round under another CA",
        [cooling({ refused_since: early, epoch: { ...epoch, issuing_ca: "ca0" } }) as Trial],
        since,
      ],
    ]
    for (const [name, rounds, expected] of rows)
      t.equal(brokenSince(probable(), rounds), expected, name)
  },
)

t.test(
  "where the group splices what is confirmed, no app that works when spliced stays broken longer",
  async (t) => {
    const accepted: ControlSettings = {
      ...control,
      mode: "learn",
      learn: { ...control.learn, accept: true },
    }
    const enough = probable({ control_strong: ["f1", "f2"], refusal_after_control: false })
    const rows: [
      name: string,
      settings: ControlSettings,
      given: ScopeJudgement,
      now: number,
      learned: boolean,
    ][] = [
      ["in time", splice, probable(), noon, true],
      ["a moment before", splice, probable(), noon - 1, false],
      [
        "another patience",
        { ...splice, "broken-at-most": hour },
        probable(),
        noon - 10 * hour,
        true,
      ],
      ["enough control flows, no refusal after them", splice, enough, noon, true],
      ["learned by itself", accepted, probable(), noon, true],
      ["hold: inspect", control, probable(), noon, false],
      ["hold: block", { ...control, hold: "block" }, probable(), noon, false],
      ["proposals only", { ...control, mode: "learn" }, probable(), noon, false],
      ["control off", { ...splice, mode: "off" }, probable(), noon, false],
      ["never spliced", splice, judgement({ first_refusal_ms: since }), noon, false],
      ["a shared address", splice, probable({ device: "shared" }), noon, false],
      [
        "an origin that was not verified",
        splice,
        probable({ upstream_verified: false }),
        noon,
        false,
      ],
      ["a ceiling", splice, probable({ ceilings: ["ECH."] }), noon, false],
    ]
    for (const [name, settings, given, now, expected] of rows) {
      const outcome = step({ trials: [cooling()], judgements: [given], settings, now })
      const learned = outcome.changed.filter(({ kind }) => kind === "learned")
      t.equal(learned.length, expected ? 1 : 0, name)
      if (!expected) continue
      t.match(
        learned,
        [
          {
            standing: "in-force",
            scope: { device_id: "phone-1", stack: "t13-okhttp", client_network: null },
            reason: /^learned, not confirmed: .* since .*; still lacking: /,
            expires_at: iso(now + 7 * 24 * hour),
          },
        ],
        name,
      )
    }
    const fault = step({
      trials: [cooling()],
      judgements: [probable()],
      settings: splice,
      fault: true,
    })
    t.same(fault.writes, [], "not while the sensor is at fault")
  },
)

t.test("what is confirmed while no trial runs is spliced in time, too", async (t) => {
  const confirmed = probable({ verdict: "confirmed", control_strong: ["f1", "f2"] })
  for (const trials of [[], [cooling()]]) {
    const { changed } = step({ trials, judgements: [confirmed], settings: splice })
    t.match(changed, [{ kind: "learned", reason: /^learned, confirmed while no trial ran: / }])
    t.same(step({ trials, judgements: [confirmed], settings: control }).changed, [])
  }
})

t.test("its running trial ends with that, and nothing is made twice", async (t) => {
  const waiting = trial(
    { state: "re-inspecting", since: iso(noon - hour), refused_since: iso(since), epoch },
    { created_at: iso(noon - 3 * hour) },
  )
  const { changed } = step({ trials: [waiting], judgements: [probable()], settings: splice })
  t.match(changed, [
    { kind: "learned" },
    { id: "trial-1", trial: { state: "cooling" }, expires_at: iso(noon) },
  ])
  const [learned] = changed
  if (!learned) throw new Error("nothing learned")
  t.same(
    step({
      trials: [cooling()],
      learned: [learned],
      judgements: [probable()],
      settings: splice,
      now: noon + minute,
    }).writes,
    [],
  )
})

t.test("who stays broken is told with the reason and what can be done", async (t) => {
  const held = trial({ state: "holding", hold: "inspect" })
  const rows: [name: string, given: ScopeJudgement, more: object, why: RegExp | null][] = [
    [
      "suspected",
      judgement(),
      { fault: false },
      /not confirmed yet \(it has a trial: armed\).*bypass add/,
    ],
    [
      "confirmed, inspected on",
      judgement({ verdict: "confirmed" }),
      { trials: [held] },
      /hold is inspect/,
    ],
    [
      "no acceptance elsewhere",
      judgement({ verdict: "refuses-here", missing: "An acceptance elsewhere.", app_accepts: 0 }),
      {},
      /no trial: An acceptance elsewhere\. Until then/,
    ],
    [
      "accepted once elsewhere",
      judgement({ verdict: "refuses-here", app_accepts: 1 }),
      {},
      /not confirmed yet \(it has a trial: armed\).*bypass add/,
    ],
    [
      "confirmed, nothing to hold it",
      judgement({ verdict: "confirmed" }),
      { settings: splice },
      /confirmed while no trial ran: its group's hold splices it/,
    ],
    ["caps", probable(), { settings: { ...control, "fleet-an-hour": 0 } }, /fleet-an-hour/],
    ["accepted", judgement({ verdict: "accepts" }), {}, null],
    ["blocked on purpose", probable(), { settings: { ...control, hold: "block" } }, null],
    ["control off", probable(), { settings: { ...control, mode: "off" } }, null],
    ["no name", judgement({ sni: null }), {}, null],
  ]
  for (const [name, given, more, why] of rows) {
    const { broken } = step({ judgements: [given], ...more })
    if (why === null) t.same(broken, [], name)
    else
      t.match(
        broken,
        [
          {
            device_id: "phone-1",
            sni: "api.example.org",
            since_ms: given.first_refusal_ms,
            due_ms: (given.first_refusal_ms ?? 0) + 12 * hour,
            why,
          },
        ],
        name,
      )
  }
  const covered = entry({
    kind: "learned",
    scope: { device_id: "phone-1", sni: "api.example.org" },
    learned: { device_ids: ["phone-1"], retest: null, renewals: 0 },
    owner: "ann",
  })
  t.same(step({ judgements: [probable()], learned: [covered] }).broken, [], "spliced already")
})

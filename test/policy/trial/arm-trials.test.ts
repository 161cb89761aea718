import t from "tap"
import { armTrials } from "../../../src/policy/trial/arm-trials.ts"
import { judgementsByKey, type Learned, type Trial } from "../../../src/policy/trial/trial-key.ts"
import { RegisterEntry } from "../../../src/record/register-entry.ts"
import type { ScopeJudgement } from "../../../src/record/scope-judgement.ts"
import { common, control, entry, hour, iso, judgement, minute, noon, trial } from "../given.ts"
import { about, stepOf } from "./stepping.ts"

const arm = (
  judgements: ScopeJudgement[],
  trials: RegisterEntry[] = [],
  settings = {},
  again: string[] = [],
  learned: RegisterEntry[] = [],
) =>
  armTrials(
    trials as Trial[],
    judgementsByKey(judgements),
    new Set(again),
    learned as Learned[],
    stepOf({ settings: { ...control, ...settings } }),
  ).map(({ entry: made }) => made as Trial)

t.test(
  "an armed trial is a valid entry for exactly one device, stack and SNI, at whatever address it is",
  async (t) => {
    const [made] = arm([judgement({ client_ip: "::ffff:10.1.2.3" })])
    t.same(RegisterEntry.parse(made), made)
    t.match(made, {
      ...common,
      kind: "trial",
      owner: "pinsensor",
      scope: {
        device_id: "phone-1",
        device_group: null,
        client_network: null,
        stack: "t13-okhttp",
        sni: "api.example.org",
        destination_network: null,
      },
      evidence_ids: ["a1", "a2", "a3"],
      created_at: iso(noon),
      expires_at: iso(noon + 24 * hour),
      trial: {
        state: "armed",
        first_splice_at: null,
        connections: 0,
        bytes: 0,
        round: 0,
        epoch: { issuing_ca: "ca", sensor_config: "c1" },
        refused_since: iso(noon - 10 * minute),
      },
    })
  },
)

t.test("of refuses-here only what its app accepts elsewhere earns a trial", async (t) => {
  const refusing = { verdict: "refuses-here", qualifying: null } as const
  t.equal(arm([judgement({ ...refusing, app_accepts: 0 })]).length, 0)
  t.equal(arm([judgement({ ...refusing, app_accepts: 1 })]).length, 1)
  t.equal(arm([judgement({ verdict: "mixed", app_accepts: 2 })]).length, 0)
})

t.test("refuses-here comes last, and has half of the caps at most", async (t) => {
  const early = (device: string, sni: string) => ({
    ...about(device, sni),
    verdict: "refuses-here" as const,
    qualifying: null,
    app_accepts: 1,
    first_refusal_ms: noon - 20 * hour,
  })
  const many = Array.from({ length: 9 }, (_, at) => early(`phone-${at + 10}`, "api.example.org"))
  const fleet = arm([...many, about("phone-1", "api.example.org")], [], { "fleet-an-hour": 6 })
  t.equal(fleet[0]?.scope.device_id, "phone-1")
  t.equal(fleet.length, 3, "half of the hour, beside the suspected one two of nine")
  const own = Array.from({ length: 9 }, (_, at) => early("phone-1", `n${at}.example.org`))
  t.equal(arm(own, [], { "per-device-a-day": 4 }).length, 2)
})

t.test("the same evidence gives the same id, another key or round another", async (t) => {
  const id = (...args: Parameters<typeof arm>) => arm(...args)[0]?.id
  t.equal(id([judgement()]), id([judgement({ refusals: ["a1", "a2", "a3", "a4"] })]))
  t.not(id([judgement()]), id([about("phone-2", "api.example.org")]))
  const before = trial(
    { state: "cooling", since: iso(noon - hour) },
    { expires_at: iso(noon - hour) },
  )
  const [second] = arm([judgement()], [before])
  t.equal(second?.trial.round, 1)
  t.not(second?.id, id([judgement()]))
})

t.test("a round that asks for another skips the cool-down, not the caps", async (t) => {
  const cooling = trial({ state: "cooling", since: iso(noon) }, { created_at: iso(noon - hour) })
  const key = JSON.stringify(["phone-1", "t13-okhttp", "api.example.org"])
  t.equal(arm([judgement()], [cooling]).length, 0)
  t.equal(arm([judgement()], [cooling], {}, [key]).length, 1)
  t.equal(arm([judgement()], [cooling], { "per-key-a-day": 1 }, [key]).length, 0)
})

t.test("a key has so many trials a day and the fleet so many an hour", async (t) => {
  const over = (hoursAgo: number, sni = "api.example.org") =>
    trial(
      { state: "cooling", since: iso(noon - 2 * hour) },
      {
        id: `t-${hoursAgo}-${sni}`,
        created_at: iso(noon - hoursAgo * hour),
        expires_at: iso(noon - minute),
        scope: { device_id: "phone-1", stack: "t13-okhttp", sni },
      },
    )
  t.equal(arm([judgement()], [over(2), over(3)]).length, 1)
  t.equal(arm([judgement()], [over(2), over(3), over(23)]).length, 0)
  t.equal(arm([judgement()], [over(2), over(3), over(25)]).length, 1)

  const many = Array.from({ length: 50 }, (_, i) => about(`phone-${i % 5}`, `h${i}.example`))
  t.equal(arm(many).length, 30)
  t.equal(arm(many, [over(0.5, "x.example"), over(0.6, "y.example")]).length, 28)
  t.equal(arm(many, [over(1.5, "x.example")], { "fleet-an-hour": 4 }).length, 4)
})

t.test(
  "one device that refuses much does not use up the fleet's hour while others wait",
  async (t) => {
    const loud = Array.from({ length: 40 }, (_, i) => about("phone-0", `h${i}.example`))
    const quiet = ["phone-1", "phone-2", "phone-3"].map((device) =>
      about(device, "api.example.org"),
    )
    const devices = arm([...loud, ...quiet], [], { "fleet-an-hour": 6 }).map(
      (made) => made.scope.device_id,
    )
    t.same(devices.toSorted(), ["phone-0", "phone-0", "phone-0", "phone-1", "phone-2", "phone-3"])
  },
)

t.test("two judgements of one key make one trial", async (t) => {
  const other = judgement({ key: { ...judgement().key, app_id: "org.example.other" } })
  t.equal(arm([judgement(), other]).length, 1)
})

t.test("one device has so many trials a day, however many names it makes up", async (t) => {
  const many = Array.from({ length: 50 }, (_, i) => about("phone-1", `h${i}.example`))
  t.equal(arm(many, [], { "per-device-a-day": 7 }).length, 7)
  t.equal(arm([...many, about("phone-2", "h0.example")], [], { "per-device-a-day": 7 }).length, 8)
})

t.test("of equals the one that is broken longest comes first", async (t) => {
  const since = (device: string, first_refusal_ms: number) =>
    about(device, "api.example.org", { first_refusal_ms })
  const waiting = [since("phone-1", noon - hour), since("phone-2", noon - 3 * hour)]
  t.match(arm(waiting, [], { "fleet-an-hour": 1 }), [{ scope: { device_id: "phone-2" } }])
})

t.test("since when it refuses is handed on from round to round within an epoch", async (t) => {
  const refused_since = iso(noon - 20 * hour)
  const epoch = { issuing_ca: "ca", sensor_config: "c1" }
  const before = (given: object) =>
    trial(
      { state: "cooling", since: iso(noon - hour), refused_since, ...given },
      { expires_at: iso(noon - hour), created_at: iso(noon - 2 * hour) },
    )
  t.equal(arm([judgement()], [before({ epoch })])[0]?.trial.refused_since, refused_since)
  const other = { ...epoch, issuing_ca: "ca0" }
  t.equal(
    arm([judgement()], [before({ epoch: other })])[0]?.trial.refused_since,
    iso(noon - 10 * minute),
  )
})

t.test("what a learned entry splices already needs no trial", async (t) => {
  const learned = (given: object) =>
    entry({
      kind: "learned",
      expires_at: iso(noon + hour),
      scope: { device_group: "field", sni: "api.example.org" },
      learned: { device_ids: ["phone-7"], retest: null, renewals: 0 },
      ...given,
    })
  const rows: [name: string, entry: RegisterEntry, armed: number][] = [
    ["in force for its group", learned({}), 0],
    ["proposed", learned({ standing: "proposed" }), 1],
    ["ended", learned({ expires_at: iso(noon) }), 1],
    ["of another group", learned({ scope: { device_group: "lab", sni: "api.example.org" } }), 1],
    ["another name", learned({ scope: { device_group: "field", sni: "b.example.org" } }), 1],
    ["its own", learned({ scope: { device_id: "phone-1", sni: "api.example.org" } }), 0],
  ]
  for (const [name, one, armed] of rows)
    t.equal(arm([judgement()], [], {}, [], [one]).length, armed, name)
})

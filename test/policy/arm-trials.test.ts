import t from "tap"
import { armTrials, earnsTrial } from "../../src/policy/arm-trials.ts"
import { judgementsByKey, type Trial } from "../../src/policy/trial-key.ts"
import { RegisterEntry } from "../../src/record/register-entry.ts"
import type { ScopeJudgement } from "../../src/record/scope-judgement.ts"
import { common, control, hour, iso, judgement, minute, noon, trial } from "./given.ts"

const arm = (
  judgements: ScopeJudgement[],
  trials: RegisterEntry[] = [],
  settings = {},
  again: string[] = [],
) =>
  armTrials(trials as Trial[], judgementsByKey(judgements), new Set(again), {
    settings: { ...control, ...settings },
    common,
    now: noon,
    newId: (key) => `id-${key.replaceAll(" ", "")}`,
  })
const about = (device_id: string, sni: string) =>
  judgement({ sni, key: { ...judgement().key, device_id } })

t.test("only a judgement that lacks nothing but control flows earns a trial", async (t) => {
  const key = judgement().key
  const rows: [name: string, given: Partial<ScopeJudgement>, earns: boolean][] = [
    ["suspected", {}, true],
    ["probable, one strong control flow", { verdict: "probable", control_strong: ["f1"] }, true],
    [
      "probable, enough control flows",
      { verdict: "probable", control_strong: ["f1", "f2"] },
      false,
    ],
    ["confirmed", { verdict: "confirmed" }, false],
    ["accepts", { verdict: "accepts" }, false],
    ["refuses-here", { verdict: "refuses-here" }, false],
    ["refuses-everything", { verdict: "refuses-everything" }, false],
    ["broken-or-other", { verdict: "broken-or-other" }, false],
    ["ambiguous binding", { device: "ambiguous" }, false],
    ["shared address", { device: "shared" }, false],
    ["no binding", { device: "absent" }, false],
    ["an address for a device", { key: { ...key, device_id: "address:10.1.2.3" } }, false],
    ["no stack", { key: { ...key, stack: null } }, false],
    ["no SNI", { sni: null }, false],
    ["an SNI that would be a pattern", { sni: "*.example.org" }, false],
    ["an SNI that is a star", { sni: "*" }, false],
    ["an SNI that is an address", { sni: "203.0.113.1" }, false],
    ["an SNI that is no name", { sni: "a b" }, false],
    ["origin not verified", { upstream_verified: false }, false],
    ["a ceiling", { ceilings: ["ech"] }, false],
    ["client address not readable", { client_ip: "" }, false],
  ]
  for (const [name, given, earns] of rows) t.equal(earnsTrial(judgement(given)), earns, name)
})

t.test(
  "an armed trial is a valid entry for exactly one device, address, stack and SNI",
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
        client_network: "10.1.2.3/32",
        stack: "t13-okhttp",
        sni: "api.example.org",
        destination_network: null,
      },
      evidence_ids: ["a1", "a2", "a3"],
      created_at: iso(noon),
      expires_at: iso(noon + 24 * hour),
      trial: { state: "armed", first_splice_at: null, connections: 0, bytes: 0, round: 0 },
    })
    t.match(
      arm([judgement({ client_ip: "2001:db8::7" })])[0]?.scope.client_network,
      "2001:db8::7/128",
    )
  },
)

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

t.test("an earlier trial of the key stands in the way until it is over", async (t) => {
  const past = { expires_at: iso(noon - minute), created_at: iso(noon - hour) }
  const rows: [name: string, earlier: RegisterEntry, armed: number][] = [
    ["armed", trial(), 0],
    ["splicing", trial({ state: "splicing" }, past), 0],
    ["re-inspecting", trial({ state: "re-inspecting" }, past), 0],
    ["holding", trial({ state: "holding", since: iso(noon - hour) }), 0],
    ["holding is over", trial({ state: "holding", since: iso(noon - hour) }, past), 1],
    ["cooling", trial({ state: "cooling", since: iso(noon - hour) }), 0],
    ["cooled", trial({ state: "cooling", since: iso(noon - hour) }, past), 1],
    ["no refusal since", trial({ state: "cooling", since: iso(noon - minute) }, past), 0],
  ]
  for (const [name, earlier, armed] of rows)
    t.equal(arm([judgement()], [earlier]).length, armed, name)
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

  const many = Array.from({ length: 50 }, (_, i) => about("phone-2", `h${i}.example`))
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

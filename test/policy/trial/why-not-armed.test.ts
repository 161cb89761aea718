import t from "tap"
import type { Trial } from "../../../src/policy/trial/trial-key.ts"
import {
  inTheWay,
  lacking,
  TrialCounts,
  whyNotArmed,
} from "../../../src/policy/trial/why-not-armed.ts"
import type { RegisterEntry } from "../../../src/record/register-entry.ts"
import type { ScopeJudgement } from "../../../src/record/scope-judgement.ts"
import { control, hour, iso, judgement, minute, noon, trial } from "../given.ts"

t.test("only a judgement that lacks nothing but control flows earns a trial", async (t) => {
  const key = judgement().key
  const rows: [name: string, given: Partial<ScopeJudgement>, lacks: RegExp | null][] = [
    ["suspected", {}, null],
    ["probable, one strong control flow", { verdict: "probable", control_strong: ["f1"] }, null],
    [
      "probable, enough control flows",
      { verdict: "probable", control_strong: ["f1", "f2"] },
      /enough control flows/,
    ],
    ["confirmed", { verdict: "confirmed" }, /it is confirmed/],
    ["accepts", { verdict: "accepts" }, /it is accepts/],
    ["refuses-here, one other domain accepted", { verdict: "refuses-here", app_accepts: 1 }, null],
    ["refuses-here", { verdict: "refuses-here", app_accepts: 0 }, /it is refuses-here/],
    ["refuses-everything", { verdict: "refuses-everything" }, /it is refuses-everything/],
    ["broken-or-other", { verdict: "broken-or-other" }, /it is broken/],
    ["ambiguous binding", { device: "ambiguous" }, /address is ambiguous/],
    ["shared address", { device: "shared" }, /address is shared/],
    ["no binding", { device: "absent" }, /address is absent/],
    ["an address for a device", { key: { ...key, device_id: "address:10.1.2.3" } }, /not told/],
    ["no stack", { key: { ...key, stack: null } }, /stack is not known/],
    ["no SNI", { sni: null }, /named no host/],
    ["an SNI that would be a pattern", { sni: "*.example.org" }, /no plain host name/],
    ["an SNI that is a star", { sni: "*" }, /no plain host name/],
    ["an SNI that is an address", { sni: "203.0.113.1" }, /named no host/],
    ["an SNI that is no name", { sni: "a b" }, /no plain host name/],
    ["origin not verified", { upstream_verified: false }, /has not verified/],
    ["a ceiling", { ceilings: ["ECH."] }, /^ECH\.$/],
  ]
  for (const [name, given, lacks] of rows) {
    const why = lacking(judgement(given))
    if (lacks === null) t.equal(why, null, name)
    else t.match(why, lacks, name)
  }
})

t.test("an earlier trial of the key stands in the way until it is over", async (t) => {
  const past = { expires_at: iso(noon - minute), created_at: iso(noon - hour) }
  const rows: [name: string, earlier: RegisterEntry, why: RegExp | null][] = [
    ["armed", trial(), /has a trial: armed/],
    ["splicing", trial({ state: "splicing" }, past), /has a trial: splicing/],
    ["re-inspecting", trial({ state: "re-inspecting" }, past), /has a trial/],
    ["holding", trial({ state: "holding", since: iso(noon - hour) }), /holding until/],
    ["holding is over", trial({ state: "holding", since: iso(noon - hour) }, past), null],
    ["cooling", trial({ state: "cooling", since: iso(noon - hour) }), /cooling until/],
    ["cooled", trial({ state: "cooling", since: iso(noon - hour) }, past), null],
    [
      "no refusal since",
      trial({ state: "cooling", since: iso(noon - minute) }, past),
      /not refused since/,
    ],
  ]
  for (const [name, earlier, why] of rows) {
    const found = inTheWay(judgement(), [earlier as Trial], false, control, noon)
    if (why === null) t.equal(found, null, name)
    else t.match(found, why, name)
  }
})

t.test("a use without a refusal since the last trial is no reason for another", async (t) => {
  const before = trial(
    { state: "cooling", since: iso(noon - hour) },
    { expires_at: iso(noon - hour), created_at: iso(noon - 2 * hour) },
  ) as Trial
  const used = judgement({ last_refusal_ms: noon - 2 * hour, last_ms: noon - minute })
  t.match(inTheWay(used, [before], false, control, noon), /not refused since/)
})

t.test("trials whose time lies ahead count, as after a clock that was set back", async (t) => {
  const ahead = trial({}, { created_at: iso(noon + 5 * hour) }) as Trial
  const counts = new TrialCounts([ahead], noon)
  t.equal(counts.fleet, 1)
  t.match(counts.full("phone-2", { ...control, "fleet-an-hour": 1 }), /fleet-an-hour/)
  t.match(counts.full("phone-1", { ...control, "per-device-a-day": 1 }), /per-device-a-day/)
  t.equal(counts.full("phone-2", { ...control, "per-device-a-day": 1 }), null)
})

t.test("the first reason against a trial is the one that is told", async (t) => {
  const calm = {
    trials: [],
    settings: control,
    mode: "trial",
    fault: false,
    covered: false,
    now: noon,
  } as const
  const full = { ...control, "fleet-an-hour": 1 }
  const other = trial({}, { scope: { device_id: "phone-2", sni: "x.example" } }) as Trial
  const rows: [name: string, why: string | null, expected: RegExp | null][] = [
    ["nothing", whyNotArmed(judgement(), calm), null],
    ["off", whyNotArmed(judgement(), { ...calm, mode: "off", fault: true }), /control is off/],
    ["fault", whyNotArmed(judgement(), { ...calm, fault: true }), /at fault/],
    ["covered", whyNotArmed(judgement(), { ...calm, covered: true }), /learned entry/],
    ["unverified", whyNotArmed(judgement({ upstream_verified: false }), calm), /verified/],
    [
      "the fleet's hour",
      whyNotArmed(judgement(), { ...calm, trials: [other], settings: full }),
      /fleet-an-hour/,
    ],
  ]
  for (const [name, why, expected] of rows) {
    if (expected === null) t.equal(why, null, name)
    else t.match(why, expected, name)
  }
})

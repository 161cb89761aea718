import t from "tap"
import { appStories } from "../../src/analytics/app-story.ts"
import { judgeDevice } from "../../src/analytics/judge.ts"
import {
  baselineOf,
  driftOfPair,
  driftRecords,
  isBaselinePair,
} from "../../src/analytics/pair-state.ts"
import { scopeDevice } from "../../src/analytics/scope.ts"
import { AnalyticsSettings } from "../../src/analytics/settings.ts"
import { pairOf } from "../../src/analytics/subject.ts"
import type { JudgementContext } from "../../src/record/attributed.ts"
import type { Baselines, PairBefore, PairStanding } from "../../src/record/baseline.ts"
import { Drift } from "../../src/record/drift.ts"
import {
  app,
  bank,
  by,
  context,
  evidence,
  HOUR,
  stack1,
  stack2,
  who,
  zeekFlow,
} from "../support/records.ts"
import { confirmedWorld, findTarget, settings, target } from "./worlds.ts"

const signer = "ab".repeat(32)
const observed = who({ app_signer: signer })

function known(
  is: PairStanding["is"],
  before: Partial<PairBefore["seen"]> | null = null,
): Baselines {
  const seen = {
    app_version: null,
    signer: null,
    stacks: [],
    registrable_domain: "bank.example",
    verdict: "undetermined",
    background: null,
    bytes_a_day: null,
    connections_a_day: null,
    ...before,
  }
  return {
    standing: () => ({ is, why: `it is ${is}` }),
    before: () => (before === null ? null : { seen, bytes_today: 0, connections_today: 0 }),
  }
}

function subject(baselines: Baselines, over: Partial<JudgementContext> = {}, chosen = settings) {
  const device = confirmedWorld(observed)
  const about = context({ baselines, ...over })
  const key = scopeDevice(device, about, chosen).find(
    ({ judgement }) => judgement.key.destination === target,
  )
  if (!key) throw new Error("no key")
  return { ...key, device, context: about, story: appStories([]) }
}

t.test(
  "baseline is what is learned, said or declared, unless it was removed or drifts",
  async (t) => {
    const approved = { apps: [app({ approved_destinations: ["*.bank.example"] })] }
    const listed = AnalyticsSettings.parse({ AN1725: { AllowedDestinationList: [target] } })
    const other = AnalyticsSettings.parse({ AN1726: { AllowedDestinationList: [target] } })
    const ask = (
      baselines: Baselines,
      over: Partial<JudgementContext> = {},
      chosen = settings,
      how = {},
    ) => {
      const of = subject(baselines, over, chosen)
      return baselineOf(pairOf(of), of.context, chosen, how)
    }
    t.equal(ask(known("missing")), null)
    t.equal(ask(known("learned")), "it is learned")
    t.equal(ask(known("added")), "it is added")
    t.match(ask(known("missing"), approved), /declared/)
    t.equal(ask(known("missing"), approved, settings, { byRegister: false }), null)
    t.match(ask(known("missing"), {}, listed), /declared/)
    t.equal(ask(known("missing"), {}, other), null, "the list of another platform")
    t.equal(ask(known("removed"), approved, listed), null, "a person removed it")
    t.equal(ask(known("learned", { stacks: [stack2] })), null, "it has drifted")
    t.equal(ask(known("added", { stacks: [stack2] })), "it is added", "a person's word stands")
    const of = subject(known("learned"))
    t.ok(isBaselinePair(pairOf(of), of.context))
  },
)

const allowing = AnalyticsSettings.parse({
  AN1725: {
    AllowedAppList: [{ app: bank, "signer-sha256": signer }],
    AllowedDestinationList: [target],
  },
})

t.test("an allowed pair is not alerted, until it is no longer what it was", async (t) => {
  const same = findTarget(
    confirmedWorld(observed),
    { baselines: known("missing", { stacks: [stack1], signer }) },
    allowing,
  )
  t.match(same, { expected: true, confidence: "record" })
  const device = confirmedWorld(observed)
  const about = context({ baselines: known("missing", { stacks: [stack2], verdict: "accepts" }) })
  const { findings, drifts } = judgeDevice(device, about, allowing)
  const found = findings.find(({ key }) => key.destination === target)
  t.match(found, { expected: false, confidence: "low" })
  t.match(found?.reasons.join(" "), /No longer as it was known: stack .*before: /)
  t.match(found?.reasons.join(" "), /verdict confirmed \(before: accepts\)/)
  t.match(found?.reasons.join(" "), /Allowed, but alerted all the same/)
  t.strictSame(
    drifts.map(({ sign }) => sign),
    ["stack", "verdict"],
  )
  for (const drift of drifts) t.ok(Drift.safeParse(drift).success)
  t.match(drifts[0], { entry_id: `pair:${bank}|${target}`, was: stack2, device_id: "d1" })
  const again = judgeDevice(device, about, allowing).drifts
  t.strictSame(again, drifts, "the same news is the same record")
})

t.test("a new destination of an allowed app is alerted, and says why", async (t) => {
  const elsewhere = AnalyticsSettings.parse({
    AN1725: {
      AllowedAppList: [{ app: bank, "signer-sha256": signer }],
      AllowedDestinationList: ["login.bank.example"],
    },
  })
  const found = findTarget(confirmedWorld(observed), {}, elsewhere)
  t.equal(found?.expected, false)
  t.match(found?.reasons.join(" "), /Not expected: the app is allowed, but not this destination/)
})

t.test("a day's volume is news of the device that made most of it", async (t) => {
  const large = (bytes: number) =>
    evidence({
      flows: [by(zeekFlow(target, 9 * HOUR, { server_bytes: bytes, client_bytes: 0 }), observed)],
    })
  const ask = (bytes: number, today: number) => {
    const baselines: Baselines = {
      ...known("learned"),
      before: () => ({
        seen: { ...empty, bytes_a_day: 1024 ** 2 },
        bytes_today: today,
        connections_today: 1,
      }),
    }
    const device = large(bytes)
    const about = context({ baselines })
    const [key] = scopeDevice(device, about, settings)
    if (!key) throw new Error("no key")
    const of = { ...key, device, context: about, story: appStories([]) }
    return driftOfPair(pairOf(of), about).map(({ what }) => what)
  }
  const much = 100 * 1024 ** 2
  t.strictSame(ask(much, much), ["volume"])
  t.strictSame(ask(much / 10, much), [], "another device made most of it")
  t.strictSame(driftRecords(pairOf(subject(known("learned"))), [], {} as never), [])
})

const empty = {
  app_version: null,
  signer: null,
  stacks: [],
  registrable_domain: "bank.example",
  verdict: "undetermined",
  background: null,
  bytes_a_day: null,
  connections_a_day: null,
}

import fc from "fast-check"
import t from "tap"
import { isSurer } from "../../src/analytics/confidence.ts"
import { judgeDevice } from "../../src/analytics/judge.ts"
import { faultKey } from "../../src/analytics/sensor-fault.ts"
import type { DeviceEvidence } from "../../src/record/attributed.ts"
import { Finding } from "../../src/record/finding.ts"
import {
  app,
  appEvent,
  attempt,
  by,
  ca1,
  context,
  dayStart,
  device,
  evidence,
  HOUR,
  MINUTE,
  pinEvent,
  posture,
  SECOND,
  someone,
  stack2,
  stateEvent,
  who,
  zeekFlow,
} from "../support/records.ts"
import {
  acceptsElsewhere,
  confirmedWorld,
  findingsOf,
  findTarget,
  refusedAt,
  seenAt,
  settings,
  target,
  trialAt,
} from "./worlds.ts"

t.test("a pinned Android app that EDR observes is AN1725 at medium or more", async (t) => {
  const given = confirmedWorld(who(), {
    postures: [posture({ inspection_ca: "user-store" })],
    app_events: [appEvent(MINUTE, { type: "network_connect" })],
  })
  const finding = findTarget(given)
  t.equal(finding?.verdict, "confirmed")
  t.equal(finding?.analytic, "AN1725")
  t.notOk(isSurer("medium", finding?.confidence ?? "record"), `${finding?.confidence}`)
})

t.test("a pinned app on a supervised iPhone is AN1726 at medium or more", async (t) => {
  const given = {
    ...confirmedWorld(someone()),
    device: device({ platform: "ios" }),
    postures: [posture()],
  }
  t.equal(findTarget(given)?.verdict, "confirmed", "the platform stack qualifies")
  t.equal(findTarget(given)?.confidence, "low", "but without an app nobody is accused")
  const observed = { ...confirmedWorld(), device: given.device, postures: given.postures }
  const finding = findTarget(observed)
  t.equal(finding?.analytic, "AN1726")
  t.equal(finding?.confidence, "medium")
})

t.test("a device that distrusts the CA everywhere sends nothing", async (t) => {
  const attempts = [1, 2, 3, 4, 5, 6].flatMap((n) =>
    [0, 5, 10].map((minute) =>
      by(attempt(`www.site${n}.example`, (n + minute) * MINUTE, "refused-alert")),
    ),
  )
  for (const trust of ["absent", "unknown", "user-store"] as const) {
    const { judgements, findings } = judgeDevice(
      evidence({
        attempts,
        postures: [posture({ inspection_ca: trust })],
        app_events: [pinEvent(0)],
      }),
      context(),
      settings,
    )
    t.ok(
      judgements.every((judgement) => judgement.verdict === "refuses-everything"),
      `${trust}: every key refuses everything`,
    )
    t.notOk(
      findings.some((finding) => isSurer(finding.confidence, "low")),
      `${trust}: nothing above low`,
    )
  }
})

t.test(
  "an app that refuses while only another app of its stack accepts is not confirmed",
  async (t) => {
    const browser = who({ app_id: "org.example.browser", app_version: "1" })
    const finding = findTarget(
      evidence({
        attempts: [...acceptsElsewhere(browser), ...refusedAt([1, 3, 5, 12])],
        flows: trialAt([6, 7]),
        postures: [posture()],
      }),
    )
    t.equal(finding?.verdict, "refuses-here")
    t.equal(finding?.confidence, "low")
  },
)

t.test("a trusting client, idle preconnects and a bad origin give no finding", async (t) => {
  const rows: { name: string; given: DeviceEvidence }[] = [
    { name: "trusting", given: evidence({ attempts: seenAt("accepted", [1, 2, 3]) }) },
    { name: "idle", given: evidence({ attempts: seenAt("idle", [1, 2, 3, 4, 5]) }) },
    { name: "bad origin", given: evidence({ attempts: seenAt("origin-failed", [1, 2, 3, 4]) }) },
    {
      name: "mixed",
      given: evidence({ attempts: [...refusedAt([1, 3, 5]), ...seenAt("accepted", [9])] }),
    },
    {
      name: "broken",
      given: evidence({
        attempts: refusedAt([1, 3, 5]),
        flows: trialAt([6, 7], { verdict: "failed", strong: false }),
      }),
    },
    {
      name: "our own bypass",
      given: evidence({ flows: trialAt([6, 7], { splice_cause: "learned", control: false }) }),
    },
    { name: "nothing at all", given: evidence() },
  ]
  for (const { name, given } of rows) {
    const told = [pinEvent(30 * SECOND), stateEvent(0, { app_state: "background" })]
    t.same(findingsOf({ ...given, postures: [posture()], app_events: told }), [], name)
  }
})

t.test(
  "harmless connections of an app that goes on refusing lower its finding, not close it",
  async (t) => {
    const given = confirmedWorld()
    const decoy = (minutes: readonly number[]) => ({
      ...given,
      attempts: [...given.attempts, ...seenAt("accepted", minutes)],
    })
    const before = findTarget(given)
    const lowered = findTarget(decoy([2, 4, 14]))
    t.equal(before?.verdict, "confirmed")
    t.equal(lowered?.id, before?.id)
    t.same([lowered?.verdict, lowered?.confidence, lowered?.state], ["mixed", "record", "open"])
    const more = { ...given, attempts: [...decoy([0.5]).attempts] }
    t.equal(findTarget(more)?.confidence, "record", "an acceptance first does not help it either")
    t.equal(findTarget(decoy([14])), undefined, "acceptances after the last refusal: trust was won")
    const stack = (over: DeviceEvidence) => ({
      ...over,
      attempts: over.attempts.map(({ fact }) => by(fact, someone())),
      flows: over.flows.map(({ fact }) => by(fact, someone())),
    })
    t.equal(findTarget(stack(decoy([2, 4, 14]))), undefined, "a stack is many apps")
  },
)

t.test("where MDM says that the CA is missing, no refusal is more than a record", async (t) => {
  const background = stateEvent(30 * SECOND, { app_state: "background" })
  const iphone = (inspection_ca: "absent" | "mdm-trusted") =>
    evidence({
      device: device({ platform: "ios" }),
      attempts: [...acceptsElsewhere(who(), {}, ["www.news.example"]), ...refusedAt([1, 3, 5])],
      postures: [posture({ inspection_ca })],
      app_events: [background],
    })
  t.equal(findTarget(iphone("mdm-trusted"))?.confidence, "medium")
  const absent = findTarget(iphone("absent"))
  t.equal(absent?.verdict, "refuses-here")
  t.equal(absent?.confidence, "record")
  t.match(absent?.reasons.join(" "), /MDM says that the inspection CA is missing/)
})

t.test("a stack that accepts nothing around the refusals sends nothing on iOS", async (t) => {
  const own = { stack: stack2 }
  const attempts = [
    ...acceptsElsewhere(),
    ...refusedAt([1, 3, 5], own),
    by(attempt("cdn.own.example", 2 * MINUTE, "refused-alert", own)),
  ]
  const finding = findTarget(
    evidence({
      device: device({ platform: "ios" }),
      attempts,
      postures: [posture()],
      app_events: [stateEvent(30 * SECOND, { app_state: "background" })],
    }),
  )
  t.equal(finding?.verdict, "refuses-here")
  t.equal(finding?.confidence, "low")
})

t.test("while the sensor that recorded the refusals is at fault there is no finding", async (t) => {
  const given = confirmedWorld(who(), { app_events: [pinEvent(MINUTE - 1)], postures: [posture()] })
  t.equal(findingsOf(given).length, 1)
  const at = (sensor_id: string) => faultKey({ issuing_ca: ca1, sensor_config: "c1", sensor_id })
  t.same(findingsOf(given, { sensor_fault: new Set([at("s1")]) }), [])
  t.same(findingsOf(given, { sensor_fault: new Set([at("s2")]) }), findingsOf(given))
})

t.test("a laptop or an unknown platform gives no ATT&CK id and nothing above low", async (t) => {
  for (const platform of ["other", "unknown"] as const) {
    const given = { ...confirmedWorld(), device: device({ platform }) }
    const finding = findTarget({ ...given, postures: [posture()], app_events: [pinEvent(0)] })
    t.equal(finding?.analytic, "pin-effect", platform)
    t.equal(finding?.confidence, "low", platform)
  }
  const finding = findTarget({ ...confirmedWorld(), device: null })
  t.equal(finding?.analytic, "pin-effect", "no device in the inventory")
})

t.test("the order of the input changes nothing", async (t) => {
  const given = evidence({
    attempts: [
      ...acceptsElsewhere(),
      ...refusedAt([1, 1, 3, 5, 12]),
      ...refusedAt([14, 16], {}, someone()),
      by(attempt("x.example", MINUTE, "timed-out"), someone()),
      by(attempt("y.example", MINUTE, "refused-reset"), someone()),
    ],
    flows: [...trialAt([6, 7]), by(zeekFlow(target, 8 * MINUTE), someone())],
    app_events: [
      pinEvent(MINUTE - 1),
      pinEvent(MINUTE - 1),
      stateEvent(0, { app_state: "background" }),
      stateEvent(0, { app_state: "foreground" }),
    ],
    postures: [posture(), posture({ managed: false })],
  })
  const apps = [app(), app({ category: "game" }), app({ declared_transport: "pins" })]
  const expected = judgeDevice(given, context({ apps }), settings)
  t.ok(expected.findings.length > 0)
  const all = <Item>(items: readonly Item[]) =>
    fc.shuffledSubarray([...items], { minLength: items.length })
  fc.assert(
    fc.property(
      all(given.attempts),
      all(given.flows),
      all(given.app_events),
      all(given.postures),
      all(apps),
      (attempts, flows, app_events, postures, shuffledApps) => {
        const shuffled = { ...given, attempts, flows, app_events, postures }
        const judged = judgeDevice(shuffled, context({ apps: shuffledApps }), settings)
        t.strictSame(judged, expected)
      },
    ),
    { numRuns: 50 },
  )
})

t.test("evidence given twice counts once", async (t) => {
  const given = confirmedWorld()
  const twice = {
    ...given,
    attempts: [...given.attempts, ...given.attempts],
    flows: [...given.flows, ...given.flows],
  }
  t.strictSame(judgeDevice(twice, context(), settings), judgeDevice(given, context(), settings))
})

t.test("findings parse as records, and their ids are stable while evidence grows", async (t) => {
  const given = confirmedWorld(who(), { app_events: [pinEvent(MINUTE - 1)], postures: [posture()] })
  const before = findTarget(given)
  const after = findTarget({ ...given, attempts: [...given.attempts, ...refusedAt([20])] })
  t.strictSame(Finding.parse(before), before)
  t.equal(after?.id, before?.id)
  t.match(before?.id, /^[0-9a-f]{32}$/)
  t.not(after?.observed_at, before?.observed_at)
  const other = findTarget({
    ...given,
    attempts: given.attempts.map(({ fact, who }) => ({
      fact: { ...fact, sensor_config: "c2" },
      who,
    })),
    flows: given.flows.map(({ fact, who }) => ({ fact: { ...fact, sensor_config: "c2" }, who })),
  })
  t.not(other?.id, before?.id, "another epoch is another finding")
})

t.test(
  "random evidence never accuses without a refusal, a qualifying acceptance and controls",
  async (t) => {
    const outcomes = [
      "accepted",
      "idle",
      "refused-alert",
      "refused-close",
      "refused-reset",
      "refused-after-handshake",
      "validity",
      "origin-failed",
      "timed-out",
      "abandoned",
    ] as const
    const names = [target, "www.news.example", "cdn.maps.example", "b.other.example"]
    const people = [who(), who({ app_id: "org.other" }), someone(), who({ app: "inferred" })]
    const attempts = fc.array(
      fc.record({
        name: fc.constantFrom(...names),
        minute: fc.integer({ min: 0, max: 300 }),
        outcome: fc.constantFrom(...outcomes),
        by: fc.constantFrom(...people),
      }),
      { maxLength: 40 },
    )
    const flows = fc.array(
      fc.record({
        name: fc.constantFrom(...names),
        minute: fc.integer({ min: 0, max: 300 }),
        strong: fc.boolean(),
        by: fc.constantFrom(...people),
      }),
      { maxLength: 10 },
    )
    fc.assert(
      fc.property(attempts, flows, (tried, spliced) => {
        const given = evidence({
          attempts: tried.map((each) =>
            by(attempt(each.name, each.minute * MINUTE, each.outcome), each.by),
          ),
          flows: spliced.flatMap((each) =>
            trialAt([each.minute], { sni: each.name, strong: each.strong }, each.by),
          ),
        })
        for (const judgement of judgeDevice(given, context(), settings).judgements) {
          if (judgement.verdict !== "confirmed") continue
          const { qualifying, control_strong, acceptances, refusal_after_control } = judgement
          const domains = (qualifying?.domains ?? []).filter(
            (domain) => domain !== judgement.registrable_domain,
          )
          t.ok(domains.length >= 2 && control_strong.length >= 2 && refusal_after_control)
          t.equal(acceptances.length, 0)
          t.ok(judgement.refusals.length >= 3 && judgement.refusal_buckets >= 2)
        }
      }),
      { numRuns: 200 },
    )
  },
)

t.test("a device with 5,000 attempts is judged in a moment", async (t) => {
  const attempts = Array.from({ length: 5_000 }, (_, index) => {
    const name = `h.site${index % 50}.example`
    const outcome = index % 3 === 0 ? "accepted" : "refused-alert"
    return by(attempt(name, index * 8 * SECOND, outcome), index % 2 ? who() : someone())
  })
  const given = evidence({ attempts, postures: [posture()] })
  const began = process.threadCpuUsage().user
  const { judgements } = judgeDevice(given, context({ now: dayStart + 24 * HOUR - 1 }), settings)
  // Some 20 ms of CPU once warm; the bound leaves room for a cold start.
  t.ok((process.threadCpuUsage().user - began) / 1_000 < 1_000)
  t.equal(
    judgements.reduce((sum, each) => sum + each.acceptances.length, 0),
    1_667,
  )
})

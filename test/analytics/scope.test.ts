import fc from "fast-check"
import t from "tap"
import { elsewhereKey } from "../../src/analytics/fleet-keys.ts"
import { judgeScope } from "../../src/analytics/scope.ts"
import { faultKey } from "../../src/analytics/sensor-fault.ts"
import { AnalyticsSettings } from "../../src/analytics/settings.ts"
import type { DeviceEvidence, JudgementContext } from "../../src/record/attributed.ts"
import { RegisterEntry } from "../../src/record/register-entry.ts"
import {
  attempt,
  bank,
  baselined,
  by,
  ca1,
  ca2,
  context,
  device,
  evidence,
  flow,
  HOUR,
  MINUTE,
  posture,
  SECOND,
  someone,
  stack2,
  who,
  zeekFlow,
} from "../support/records.ts"
import {
  acceptsElsewhere,
  confirmedWorld,
  judgeTarget,
  refusedAt,
  seenAt,
  settings,
  target,
  trialAt,
} from "./worlds.ts"

interface VerdictRow {
  name: string
  given: DeviceEvidence
  context?: Partial<JudgementContext>
  verdict: string
  missing?: RegExp | null
  reason?: RegExp
}

const refusedEnough = refusedAt([1, 3, 5])
const untrusted = {
  upstream: { ...attempt(target, 0, "idle").upstream, public_trust: false },
}
const ios = device({ platform: "ios" })
const unknown = someone()

function everywhere(count: number, attribution = unknown) {
  return Array.from({ length: count }, (_, index) =>
    by(
      attempt(
        index === 0 ? target : `www.site${index}.example`,
        (index + 1) * MINUTE,
        "refused-alert",
      ),
      attribution,
    ),
  )
}

function learned(over: Partial<RegisterEntry> = {}): RegisterEntry {
  return RegisterEntry.parse({
    tenant: "t1",
    site: "hq",
    sensor_id: "s1",
    v: 1,
    id: "entry-1",
    observed_at: "2026-11-20T00:00:00.000Z",
    kind: "learned",
    scope: {
      device_id: "d1",
      device_group: null,
      client_network: null,
      stack: null,
      sni: target,
      destination_network: null,
    },
    owner: "ops",
    reason: "pinned",
    evidence_ids: ["attempt-1"],
    created_at: "2026-11-20T00:00:00.000Z",
    expires_at: null,
    review_at: null,
    trial: null,
    ...over,
  })
}

const operatorSplice = {
  splice_cause: "operator" as const,
  control: false,
  register_entry: "entry-1",
}

const verdicts: VerdictRow[] = [
  {
    name: "accepted and never refused is accepts",
    given: evidence({ attempts: seenAt("accepted", [1, 2]) }),
    verdict: "accepts",
  },
  {
    name: "idle preconnects alone decide nothing",
    given: evidence({ attempts: seenAt("idle", [1, 2, 3, 4]) }),
    verdict: "undetermined",
    missing: /used or refused/,
  },
  {
    name: "a bad origin decides nothing",
    given: evidence({ attempts: seenAt("origin-failed", [1, 2, 3, 4]) }),
    verdict: "undetermined",
  },
  {
    name: "an origin that wants a client certificate decides nothing",
    given: evidence({ attempts: seenAt("origin-wants-client-certificate", [1, 2, 3, 4]) }),
    verdict: "undetermined",
  },
  {
    name: "expired certificates and wrong clocks decide nothing",
    given: evidence({ attempts: seenAt("validity", [1, 2, 3, 4]) }),
    verdict: "undetermined",
  },
  {
    name: "failed negotiation, abandoned and timed-out dials decide nothing",
    given: evidence({
      attempts: [
        ...seenAt("not-negotiated", [1, 2, 3]),
        ...seenAt("abandoned", [4, 5, 6]),
        ...seenAt("timed-out", [7, 8, 9]),
      ],
    }),
    verdict: "undetermined",
  },
  {
    name: "accepted and refused by one actor is mixed",
    given: evidence({ attempts: [...refusedEnough, ...seenAt("accepted", [9])] }),
    verdict: "mixed",
    missing: /EDR/,
  },
  {
    name: "accepted and refused under one stack without a known app is mixed",
    given: evidence({
      attempts: [...refusedAt([1, 3, 5], {}, unknown), ...seenAt("accepted", [9], {}, unknown)],
    }),
    verdict: "mixed",
  },
  {
    name: "five refused destinations and nothing accepted is refuses-everything",
    given: evidence({ attempts: [...everywhere(5), ...refusedAt([10, 12], {}, unknown)] }),
    verdict: "refuses-everything",
    reason: /The device accepted nothing and refused 5 destinations\.$/,
  },
  {
    name: "four refused destinations are not everything",
    given: evidence({ attempts: [...everywhere(4), ...refusedAt([10, 12], {}, unknown)] }),
    verdict: "refuses-here",
  },
  {
    name: "the vendor's hosts do not count towards everything",
    given: evidence({
      attempts: [
        ...everywhere(4),
        ...refusedAt([10, 12], {}, unknown),
        by(attempt("gdmf.apple.com", MINUTE, "refused-alert"), unknown),
      ],
    }),
    verdict: "refuses-here",
  },
  {
    name: "a stack that refuses everything is told apart from a stack that accepts",
    given: evidence({
      attempts: [
        ...everywhere(5),
        ...refusedAt([10, 12], {}, unknown),
        ...acceptsElsewhere(unknown, { stack: stack2 }),
      ],
    }),
    verdict: "refuses-everything",
    reason: /The TLS stack accepted nothing/,
  },
  {
    name: "one acceptance of the stack and it is no longer everything",
    given: evidence({
      attempts: [
        ...everywhere(5),
        ...refusedAt([10, 12], {}, unknown),
        ...acceptsElsewhere(unknown, {}, ["www.news.example"]),
      ],
    }),
    verdict: "refuses-here",
  },
  {
    name: "CA missing is said where posture says so",
    given: evidence({
      attempts: everywhere(5),
      postures: [posture({ inspection_ca: "absent" })],
    }),
    verdict: "refuses-everything",
    reason: /MDM says that the inspection CA is missing/,
  },
  {
    name: "enough refusals without a qualifying acceptance is refuses-here",
    given: evidence({ attempts: refusedEnough }),
    verdict: "refuses-here",
    missing: /two other registrable domains/,
  },
  {
    name: "refuses-here stands even with perfect control flows",
    given: evidence({ attempts: refusedAt([1, 3, 5, 12]), flows: trialAt([6, 7]) }),
    verdict: "refuses-here",
  },
  {
    name: "two refusals are too few",
    given: evidence({ attempts: [...acceptsElsewhere(), ...refusedAt([1, 3])] }),
    verdict: "undetermined",
    missing: /^1 more refused tries/,
  },
  {
    name: "three refusals in one bucket are a burst",
    given: evidence({ attempts: [...acceptsElsewhere(), ...refusedAt([1, 1.3, 1.6])] }),
    verdict: "undetermined",
    missing: /second bucket/,
  },
  {
    name: "a parallel dial of three is one try",
    given: evidence({
      attempts: [...acceptsElsewhere(), ...refusedAt([1, 1, 1, 3])],
    }),
    verdict: "undetermined",
    missing: /^1 more refused tries/,
  },
  {
    name: "a retry loop inside a minute is many tries",
    given: evidence({ attempts: [...acceptsElsewhere(), ...refusedAt([1, 1.1, 1.2, 2])] }),
    verdict: "suspected",
  },
  {
    name: "weak refusals count for nothing alone",
    given: evidence({
      attempts: [...acceptsElsewhere(), ...refusedAt([1, 3, 5, 7], { strength: "weak" })],
    }),
    verdict: "undetermined",
    missing: /strong refusal/,
    reason: /4 weak refusals stand alone/,
  },
  {
    name: "weak refusals count beside a strong one",
    given: evidence({
      attempts: [
        ...acceptsElsewhere(),
        ...refusedAt([1, 3], { strength: "weak" }),
        ...refusedAt([5]),
      ],
    }),
    verdict: "suspected",
  },
  {
    name: "enough refusals with a qualifying acceptance and no control flow is suspected",
    given: evidence({ attempts: [...acceptsElsewhere(), ...refusedEnough] }),
    verdict: "suspected",
    missing: /trial splice/,
  },
  {
    name: "a splice that we chose for our own reasons is no control flow",
    given: evidence({
      attempts: [...acceptsElsewhere(), ...refusedEnough],
      flows: trialAt([6, 7], { splice_cause: "overload", control: false, register_entry: null }),
    }),
    verdict: "suspected",
  },
  {
    name: "a blocked direct try is a retry and no control flow",
    given: evidence({
      attempts: [...acceptsElsewhere(), ...refusedEnough],
      flows: [by(zeekFlow(target, 6 * MINUTE, { verdict: "direct-attempted", control: false }))],
    }),
    verdict: "suspected",
  },
  {
    name: "one used control flow makes it probable",
    given: evidence({
      attempts: [...acceptsElsewhere(), ...refusedAt([1, 3, 5, 12])],
      flows: trialAt([6]),
    }),
    verdict: "probable",
    missing: /second strongly used/,
  },
  {
    name: "two control flows of which one is weakly used stay probable",
    given: evidence({
      attempts: [...acceptsElsewhere(), ...refusedAt([1, 3, 5, 12])],
      flows: [...trialAt([6]), ...trialAt([7], { strong: false })],
    }),
    verdict: "probable",
  },
  {
    name: "without a refusal after a control flow it stays probable",
    given: evidence({
      attempts: [...acceptsElsewhere(), ...refusedAt([1, 3, 5])],
      flows: trialAt([6, 7]),
    }),
    verdict: "probable",
    missing: /refusal after a control flow/,
  },
  {
    name: "refused, worked twice, refused again is confirmed",
    given: confirmedWorld(),
    verdict: "confirmed",
    missing: null,
    reason: /refused again after it had worked/,
  },
  {
    name: "sessions around the proxy are control flows too",
    given: confirmedWorld(who(), {
      flows: [by(zeekFlow(target, 6 * MINUTE), unknown), by(zeekFlow(target, 7 * MINUTE), unknown)],
    }),
    verdict: "confirmed",
  },
  {
    name: "control flows that fail too mean broken or other",
    given: evidence({
      attempts: [...acceptsElsewhere(), ...refusedEnough],
      flows: trialAt([6], { verdict: "failed", strong: false }),
    }),
    verdict: "broken-or-other",
  },
  {
    name: "control flows closed unused at once failed too",
    given: evidence({
      attempts: [...acceptsElsewhere(), ...refusedEnough],
      flows: trialAt([6, 7], { verdict: "established-unused", strong: false, duration_ms: 300 }),
    }),
    verdict: "broken-or-other",
  },
  {
    name: "what fails without inspection as often as it works is not confirmed",
    given: evidence({
      attempts: [...acceptsElsewhere(), ...refusedAt([1, 3, 5, 12])],
      flows: [...trialAt([6, 7]), ...trialAt([8, 9], { verdict: "failed", strong: false })],
    }),
    verdict: "probable",
  },
  {
    name: "one that failed among those that worked is no doubt",
    given: evidence({
      attempts: [...acceptsElsewhere(), ...refusedAt([1, 3, 5, 12])],
      flows: [...trialAt([6, 7]), ...trialAt([8], { verdict: "failed", strong: false })],
    }),
    verdict: "confirmed",
  },
  {
    name: "one control flow closed unused says nothing yet",
    given: evidence({
      attempts: [...acceptsElsewhere(), ...refusedEnough],
      flows: trialAt([6], { verdict: "established-unused", strong: false, duration_ms: 300 }),
    }),
    verdict: "suspected",
  },
  {
    name: "a spare socket in the trial is not a failed control flow",
    given: evidence({
      attempts: [...acceptsElsewhere(), ...refusedEnough],
      flows: trialAt([6], { verdict: "established-unused", strong: false, duration_ms: 30_000 }),
    }),
    verdict: "suspected",
  },
  {
    name: "an origin without public trust that is used when spliced is private-trust",
    given: evidence({
      attempts: [...acceptsElsewhere(), ...refusedAt([1, 3, 5, 12], untrusted)],
      flows: trialAt([6, 7]),
    }),
    verdict: "private-trust",
  },
  {
    name: "private trust needs no refusal",
    given: evidence({
      flows: trialAt([6], { splice_cause: "untrusted-origin", control: false }),
    }),
    verdict: "private-trust",
  },
  {
    name: "an origin without public trust that is never used is not private-trust",
    given: evidence({ attempts: [...acceptsElsewhere(), ...refusedAt([1, 3, 5], untrusted)] }),
    verdict: "suspected",
  },
  {
    name: "used opaque sessions in three separate hours are opaque-persistent",
    given: evidence({ flows: [0, 1, 2].map((hour) => by(zeekFlow(target, hour * HOUR))) }),
    verdict: "opaque-persistent",
  },
  {
    name: "QUIC around the proxy is opaque too",
    given: evidence({
      flows: [0, 1, 2].map((hour) => by(zeekFlow(target, hour * HOUR, { network: "quic" }))),
    }),
    verdict: "opaque-persistent",
  },
  {
    name: "splices for a client certificate are opaque",
    given: evidence({
      flows: [0, 1, 2].map((hour) =>
        by(flow(target, hour * HOUR, { splice_cause: "client-certificate", control: false })),
      ),
    }),
    verdict: "opaque-persistent",
  },
  {
    name: "two separate hours are not persistent",
    given: evidence({ flows: [0, 0.5, 1].map((hour) => by(zeekFlow(target, hour * HOUR))) }),
    verdict: "undetermined",
  },
  {
    name: "trials are opaque by our own doing",
    given: evidence({ flows: [0, 1, 2].map((hour) => by(flow(target, hour * HOUR))) }),
    verdict: "undetermined",
  },
  {
    name: "a destination in the fleet's baseline is not opaque-persistent",
    given: evidence({ flows: [0, 1, 2].map((hour) => by(zeekFlow(target, hour * HOUR))) }),
    context: { baselines: baselined([target]) },
    verdict: "undetermined",
  },
  {
    name: "a baseline of another destination says nothing",
    given: evidence({ flows: [0, 1, 2].map((hour) => by(zeekFlow(target, hour * HOUR))) }),
    context: { baselines: baselined(["other.example"]) },
    verdict: "opaque-persistent",
  },
  {
    name: "a learned bypass holds the key",
    given: evidence({ flows: trialAt([6], { splice_cause: "learned", control: false }) }),
    verdict: "held-by-bypass",
  },
  {
    name: "an operator's bypass that names its evidence holds the key",
    given: evidence({ flows: trialAt([6], operatorSplice) }),
    context: { register: [learned({ kind: "operator" })] },
    verdict: "held-by-bypass",
  },
  {
    name: "an operator's bypass for other reasons holds nothing",
    given: evidence({ flows: trialAt([6], operatorSplice) }),
    context: { register: [learned({ kind: "operator", evidence_ids: [] })] },
    verdict: "undetermined",
  },
  {
    name: "another device with the same app and version that accepts lowers to mixed",
    given: confirmedWorld(),
    context: { accepted_elsewhere: new Map([[elsewhereKey(bank, "7.1", target), ["other-1"]]]) },
    verdict: "mixed",
  },
  {
    name: "another version that accepts elsewhere lowers nothing",
    given: confirmedWorld(),
    context: { accepted_elsewhere: new Map([[elsewhereKey(bank, "7.2", target), ["other-1"]]]) },
    verdict: "confirmed",
  },
  {
    name: "while the sensor is at fault nothing is said about refusals",
    given: confirmedWorld(),
    context: {
      sensor_fault: new Set([faultKey({ issuing_ca: ca1, sensor_config: "c1", sensor_id: "s1" })]),
    },
    verdict: "undetermined",
    reason: /change of our own/,
  },
]

t.test("each scope verdict asks for its evidence and no less", async (t) => {
  for (const row of verdicts) {
    const judgement = judgeTarget(row.given, row.context)
    t.equal(judgement.verdict, row.verdict, row.name)
    if (row.missing === null) t.equal(judgement.missing, null, `${row.name}: nothing is missing`)
    else if (row.missing) t.match(judgement.missing, row.missing, `${row.name}: names the missing`)
    if (row.reason) t.match(judgement.reasons.join(" "), row.reason, `${row.name}: says why`)
  }
})

t.test("vendor hosts are expected of the platform, not of other apps", async (t) => {
  const host = "*.push.apple.com".replace("*", "1-courier")
  const refusals = (attribution = unknown, over = {}) =>
    [1, 3, 5].map((minute) =>
      by(attempt(host, minute * MINUTE, "refused-alert", over), attribution),
    )
  const rows = [
    { name: "no app known on a plain stack", attempts: refusals(), verdict: "platform-expected" },
    {
      name: "the OS's own app",
      attempts: refusals(who({ app_id: "com.apple.apsd" })),
      verdict: "platform-expected",
    },
    { name: "another app", attempts: refusals(who()), verdict: "refuses-here" },
    {
      name: "a program of its own name",
      attempts: refusals(unknown, { connect_user_agent: "Sync/3.2" }),
      verdict: "refuses-here",
    },
    {
      name: "no stack known",
      attempts: refusals(unknown, { stack: null }),
      verdict: "refuses-here",
    },
  ]
  for (const { name, attempts, verdict } of rows) {
    const [judgement] = judgeScope(evidence({ device: ios, attempts }), context(), settings)
    t.equal(judgement?.verdict, verdict, name)
  }
})

t.test("a ceiling holds a key at suspected whatever the control flows show", async (t) => {
  const elsewhere = acceptsElsewhere()
  const rows: { name: string; given: DeviceEvidence; ceiling: RegExp }[] = [
    {
      name: "the outer name differs from the CONNECT host",
      given: evidence({
        attempts: [
          ...elsewhere,
          ...refusedAt([1, 3, 5, 12], { ech_offered: true, connect_host: "inner.example" }),
        ],
        flows: trialAt([6, 7]),
      }),
      ceiling: /Encrypted ClientHello/,
    },
    {
      name: "ech_required was seen",
      given: evidence({
        attempts: [
          ...elsewhere,
          ...refusedAt([1, 3, 5, 12]),
          ...seenAt("not-negotiated", [2], { alert: 121, alert_from: "client" }),
        ],
        flows: trialAt([6, 7]),
      }),
      ceiling: /Encrypted ClientHello/,
    },
    ...(["ambiguous", "shared", "absent"] as const).map((quality) => ({
      name: `the binding is ${quality}`,
      given: confirmedWorld(who({ device: quality })),
      ceiling: /address|binding/,
    })),
  ]
  for (const { name, given, ceiling } of rows) {
    const judgement = judgeTarget(given)
    t.equal(judgement.verdict, "suspected", name)
    t.match(judgement.ceilings.join(" "), ceiling, `${name}: is named`)
  }
  const grease = judgeTarget(
    evidence({
      attempts: [...elsewhere, ...refusedAt([1, 3, 5, 12], { ech_offered: true })],
      flows: trialAt([6, 7]),
    }),
  )
  t.equal(grease.verdict, "confirmed", "the extension alone may be GREASE and holds nothing")
  t.same(grease.ceilings, [])
})

t.test("an unknown stack is never above suspected", async (t) => {
  const judgement = judgeTarget(
    evidence({
      attempts: [
        ...acceptsElsewhere(),
        ...refusedAt([1, 3, 5, 12]),
        ...refusedAt([14], { stack: null }),
      ],
      flows: trialAt([6, 7]),
    }),
  )
  t.equal(judgement.verdict, "suspected")
  t.match(judgement.ceilings[0], /stack is not known/)
})

t.test("evidence is compared only within one epoch, version and profile", async (t) => {
  const rows: { name: string; given: DeviceEvidence; verdict: string }[] = [
    {
      name: "refusals under another CA do not add up",
      given: evidence({
        attempts: [
          ...acceptsElsewhere(),
          ...refusedAt([1, 3, 5], { issuing_ca: ca2 }),
          ...refusedAt([7, 9]),
        ],
      }),
      verdict: "undetermined",
    },
    {
      name: "acceptances under another CA do not qualify",
      given: evidence({
        attempts: [...acceptsElsewhere(who(), { issuing_ca: ca2 }), ...refusedEnough],
      }),
      verdict: "refuses-here",
    },
    {
      name: "acceptances under another configuration do not qualify",
      given: evidence({
        attempts: [...acceptsElsewhere(who(), { sensor_config: "c0" }), ...refusedEnough],
      }),
      verdict: "refuses-here",
    },
    {
      name: "acceptances of another version do not qualify",
      given: evidence({
        attempts: [...acceptsElsewhere(who({ app_version: "7.0" })), ...refusedEnough],
      }),
      verdict: "refuses-here",
    },
    {
      name: "acceptances of another profile do not qualify",
      given: evidence({
        attempts: [...acceptsElsewhere(who({ profile: "work" })), ...refusedEnough],
      }),
      verdict: "refuses-here",
    },
    {
      name: "acceptances behind an ambiguous address do not qualify",
      given: evidence({
        attempts: [...acceptsElsewhere(who({ device: "ambiguous" })), ...refusedEnough],
      }),
      verdict: "refuses-here",
    },
    {
      name: "refusals behind an ambiguous address do not add to those of the bound device",
      given: evidence({
        attempts: [
          ...acceptsElsewhere(),
          ...refusedAt([1, 3]),
          ...refusedAt([5, 7], {}, who({ device: "ambiguous" })),
        ],
      }),
      verdict: "undetermined",
    },
    {
      name: "what lies before the window is not looked at",
      given: evidence({ attempts: [...acceptsElsewhere(), ...refusedAt([-13 * 60, 3, 5])] }),
      verdict: "undetermined",
    },
    {
      name: "what lies after now is not looked at",
      given: evidence({ attempts: [...acceptsElsewhere(), ...refusedAt([1, 3, 13 * 60])] }),
      verdict: "undetermined",
    },
  ]
  for (const { name, given, verdict } of rows) t.equal(judgeTarget(given).verdict, verdict, name)
})

t.test("two versions of an app are two keys", async (t) => {
  const judgements = judgeScope(
    evidence({
      attempts: [
        ...refusedAt([1, 3, 5]),
        ...seenAt("accepted", [20], {}, who({ app_version: "7.2" })),
      ],
    }),
    context(),
    settings,
  )
  t.same(
    judgements.map(({ key, verdict }) => [key.app_version, verdict]),
    [
      ["7.1", "refuses-here"],
      ["7.2", "accepts"],
    ],
  )
})

t.test(
  "an app that refuses while another app of its stack accepts is at most refuses-here",
  async (t) => {
    const browser = who({ app_id: "org.example.browser", app_version: "1" })
    const judgement = judgeTarget(
      evidence({
        attempts: [...acceptsElsewhere(browser), ...refusedAt([1, 3, 5, 12])],
        flows: trialAt([6, 7]),
      }),
    )
    t.equal(judgement.verdict, "refuses-here")
    t.equal(judgement.qualifying, null)
  },
)

t.test("an app is observed only where its own refusals suffice", async (t) => {
  const rows = [
    { name: "all observed", attempts: refusedAt([1, 3, 5]), app: "observed" },
    {
      name: "one observed, two adopted",
      attempts: [...refusedAt([1]), ...refusedAt([3, 5], {}, unknown)],
      app: "inferred",
    },
    {
      name: "all inferred",
      attempts: refusedAt([1, 3, 5], {}, who({ app: "inferred" })),
      app: "inferred",
    },
    { name: "none known", attempts: refusedAt([1, 3, 5], {}, unknown), app: "unknown" },
    {
      name: "two apps inferred",
      attempts: [
        ...refusedAt([1, 3], {}, who({ app: "inferred" })),
        ...refusedAt([5], {}, who({ app: "inferred", app_id: "org.other" })),
      ],
      app: "unknown",
    },
  ]
  for (const { name, attempts, app } of rows)
    t.equal(judgeTarget(evidence({ attempts })).app, app, name)
})

t.test("a judgement carries what a trial and an analyst need", async (t) => {
  const judgement = judgeTarget(confirmedWorld())
  t.match(judgement, {
    key: { device_id: "d1", app_id: bank, app_version: "7.1", destination: target },
    device: "bound",
    registrable_domain: "bank.example",
    client_ip: "10.0.0.7",
    sni: target,
    upstream_verified: true,
    refusal_after_control: true,
    refusal_buckets: 4,
  })
  t.equal(judgement.refusals.length, 4)
  t.equal(judgement.control_strong.length, 2)
  t.same(judgement.qualifying?.domains, ["maps.example", "news.example"])
  t.equal(judgement.last_ms - judgement.first_ms, 11 * MINUTE)
  t.equal((judgement.last_refusal_ms ?? 0) - (judgement.first_refusal_ms ?? 0), 11 * MINUTE)
  t.equal(judgement.last_acceptance_ms, null, "of this destination")
  t.ok(judgement.confounders_ruled_out.some((each) => each.startsWith("distrust of the CA")))
})

t.test("settings move the thresholds", async (t) => {
  const strict = AnalyticsSettings.parse({ scope: { refusals: 5 } })
  t.equal(judgeTarget(confirmedWorld(), {}, strict).verdict, "undetermined")
  const wide = AnalyticsSettings.parse({ scope: { bucket: "1h" } })
  t.equal(judgeTarget(confirmedWorld(), {}, wide).verdict, "undetermined", "one bucket only")
})

t.test("the order of the input changes nothing", async (t) => {
  const given = evidence({
    attempts: [
      ...acceptsElsewhere(),
      ...refusedAt([1, 1, 1, 3, 5, 12]),
      ...refusedAt([2, 4], { outcome: "refused-after-handshake" }, unknown),
      ...refusedAt([6], { issuing_ca: ca2 }, who({ app_version: null })),
      ...seenAt("accepted", [7], { stack: stack2 }, unknown),
      by(attempt("x.example", MINUTE + 2 * SECOND, "timed-out"), unknown),
      by(attempt("y.example", MINUTE + 3 * SECOND, "refused-reset"), unknown),
    ],
    flows: [...trialAt([6, 7]), by(zeekFlow(target, 8 * MINUTE), unknown)],
    postures: [posture(), posture({ inspection_ca: "absent" })],
  })
  const expected = judgeScope(given, context(), settings)
  fc.assert(
    fc.property(
      fc.shuffledSubarray(given.attempts, { minLength: given.attempts.length }),
      fc.shuffledSubarray(given.flows, { minLength: given.flows.length }),
      fc.shuffledSubarray(given.postures, { minLength: given.postures.length }),
      (attempts, flows, postures) => {
        const shuffled = { ...given, attempts, flows, postures }
        t.strictSame(judgeScope(shuffled, context(), settings), expected)
      },
    ),
    { numRuns: 50 },
  )
})

import t from "tap"
import { an1725 } from "../../src/analytics/an1725.ts"
import { stackBaselineKey } from "../../src/analytics/fleet-keys.ts"
import { AnalyticsSettings } from "../../src/analytics/settings.ts"
import type { DeviceEvidence, JudgementContext } from "../../src/record/attributed.ts"
import type { Finding } from "../../src/record/finding.ts"
import {
  app,
  appEvent,
  attempt,
  bank,
  by,
  evidence,
  HOUR,
  MINUTE,
  pinEvent,
  posture,
  someone,
  stack1,
  stateEvent,
  who,
  zeekFlow,
} from "../support/records.ts"
import {
  acceptsElsewhere,
  confirmedWorld,
  findTarget,
  refusedAt,
  settings,
  target,
  trialAt,
} from "./worlds.ts"

const unlisted = posture({ apps: [] })
/** Declares that it pins, and a category that may. */
const declared = app({ declared_transport: "pins", category: "finance" })
const approved = app({ ...declared, approved_destinations: [target] })
const strayed = app({ ...declared, approved_destinations: ["other.bank.example"] })
const foreground = stateEvent(30_000, { app_state: "foreground", recent_user_interaction: true })
const background = stateEvent(30_000, { app_state: "background" })
/** EDR watches trust events on the device, and saw others of the app. */
const watching = [
  pinEvent(0, { app: { id: "org.other", version: null, signer_sha256: null } }),
  appEvent(10_000, { type: "network_connect" }),
]
const staticFact = pinEvent(0, {
  app: { id: bank, version: "7.1", signer_sha256: null },
  trust: { kind: "network_security_config", evidence: "static" },
})

function state(finding: Finding | undefined, channel: string): string {
  return finding?.channels.find((each) => each.channel === channel)?.state ?? "absent"
}

function withSettings(over: Record<string, unknown>): AnalyticsSettings {
  return AnalyticsSettings.parse({ AN1725: over })
}

interface ChannelRow {
  name: string
  given: DeviceEvidence
  context?: Partial<JudgementContext>
  settings?: AnalyticsSettings
  channel: string
  state: string
}

const C = confirmedWorld
const channels: ChannelRow[] = [
  {
    name: "a pin comparison within TimeWindow before a session",
    given: C(who(), { app_events: [pinEvent(MINUTE - 5_000)] }),
    channel: "API",
    state: "met",
  },
  {
    name: "a pin comparison at the instant of the session",
    given: C(who(), { app_events: [pinEvent(12 * MINUTE)] }),
    channel: "API",
    state: "met",
  },
  {
    name: "a pin comparison after the last session is not before it",
    given: C(who(), { app_events: [pinEvent(12 * MINUTE + 1)] }),
    channel: "API",
    state: "not-met",
  },
  {
    name: "a pin comparison longer than TimeWindow before the first session",
    given: C(who(), { app_events: [pinEvent(-10 * MINUTE)] }),
    channel: "API",
    state: "not-met",
  },
  {
    name: "TimeWindow as configured",
    given: C(who(), { app_events: [pinEvent(-10 * MINUTE)] }),
    settings: withSettings({ TimeWindow: "11m" }),
    channel: "API",
    state: "met",
  },
  {
    name: "a custom trust manager counts",
    given: C(who(), {
      app_events: [
        pinEvent(MINUTE - 1, { trust: { kind: "custom_trust_manager", evidence: "runtime" } }),
      ],
    }),
    channel: "API",
    state: "met",
  },
  {
    name: "a HostnameVerifier override alone is recorded, not counted",
    given: C(who(), {
      app_events: [
        pinEvent(MINUTE - 1, {
          trust: { kind: "hostname_verifier_override", evidence: "runtime" },
        }),
      ],
    }),
    channel: "API",
    state: "partly-met",
  },
  {
    name: "a static fact of this version is recorded, not counted",
    given: C(who(), { app_events: [staticFact] }),
    channel: "API",
    state: "partly-met",
  },
  {
    name: "a trust event of another app is not this app's",
    given: C(who(), { app_events: watching.slice(0, 1) }),
    channel: "API",
    state: "not-observable",
  },
  {
    name: "a trust event towards another host is about something else",
    given: C(who(), {
      app_events: [
        pinEvent(MINUTE - 1, {
          dest: { host: "www.other.example", ip: null, port: null, src_port: null },
        }),
      ],
    }),
    channel: "API",
    state: "not-met",
  },
  {
    name: "an EDR that would have seen it saw nothing",
    given: C(who(), { app_events: watching }),
    channel: "API",
    state: "not-met",
  },
  { name: "no EDR", given: C(), channel: "API", state: "not-observable" },
  { name: "no app known", given: C(someone()), channel: "API", state: "not-observable" },
  {
    name: "trust customisation and session in background",
    given: C(who(), { app_events: [background, pinEvent(MINUTE - 1)] }),
    channel: "S",
    state: "met",
  },
  {
    name: "trust customisation and session under lock, told by another app's event",
    given: C(who(), {
      app_events: [
        stateEvent(30_000, { device_locked: true }, { app: background.app }),
        pinEvent(MINUTE - 1),
      ],
    }),
    channel: "S",
    state: "met",
  },
  {
    name: "trust customisation and session without recent interaction",
    given: C(who(), {
      app_events: [
        stateEvent(30_000, { app_state: "foreground", recent_user_interaction: false }),
        pinEvent(MINUTE - 1),
      ],
    }),
    channel: "S",
    state: "met",
  },
  {
    name: "state alone",
    given: C(who(), { app_events: [background] }),
    channel: "S",
    state: "partly-met",
  },
  {
    name: "background, but expected where ForegroundStateRequired is false",
    given: C(who(), { app_events: [background, pinEvent(MINUTE - 1)] }),
    settings: withSettings({ ForegroundStateRequired: false }),
    channel: "S",
    state: "partly-met",
  },
  {
    name: "foreground and in use",
    given: C(who(), { app_events: [foreground, pinEvent(MINUTE - 1)] }),
    channel: "S",
    state: "not-met",
  },
  {
    name: "a state told longer ago than state-holds",
    given: C(who(), { app_events: [stateEvent(-61 * MINUTE, { app_state: "background" })] }),
    channel: "S",
    state: "not-observable",
  },
  { name: "no state told", given: C(), channel: "S", state: "not-observable" },
  {
    name: "managed and in no declaration",
    given: C(who(), { postures: [posture()] }),
    channel: "M",
    state: "met",
  },
  {
    name: "managed and declared not to pin",
    given: C(who(), { postures: [posture()] }),
    context: { apps: [app({ declared_transport: "does-not-pin" })] },
    channel: "M",
    state: "met",
  },
  {
    name: "managed, declared, of a category that should not pin",
    given: C(who(), { postures: [posture()] }),
    context: { apps: [app({ declared_transport: "pins", category: "game" })] },
    channel: "M",
    state: "met",
  },
  {
    name: "managed and declared to pin",
    given: C(who(), { postures: [posture()] }),
    context: { apps: [declared] },
    channel: "M",
    state: "not-met",
  },
  {
    name: "managed and in AllowedAppList",
    given: C(who(), { postures: [posture()] }),
    settings: withSettings({ AllowedAppList: [bank] }),
    channel: "M",
    state: "not-met",
  },
  {
    name: "not managed",
    given: C(who(), { postures: [unlisted] }),
    channel: "M",
    state: "not-met",
  },
  { name: "no posture", given: C(), channel: "M", state: "not-observable" },
  {
    name: "a destination that the register does not approve",
    given: C(),
    context: { apps: [strayed] },
    channel: "D",
    state: "met",
  },
  {
    name: "a destination that the register approves",
    given: C(),
    context: { apps: [approved] },
    channel: "D",
    state: "not-met",
  },
  {
    name: "a destination in AllowedDestinationList",
    given: C(),
    settings: withSettings({ AllowedDestinationList: ["*.bank.example"] }),
    channel: "D",
    state: "not-met",
  },
  {
    name: "another app's AllowedDestinationList",
    given: C(),
    settings: withSettings({
      AllowedDestinationList: [{ app: "org.other", destinations: [target] }, "www.corp.example"],
    }),
    channel: "D",
    state: "met",
  },
  { name: "nothing approved", given: C(), channel: "D", state: "not-observable" },
  { name: "refused, then direct", given: C(), channel: "Flow", state: "met" },
  {
    name: "a direct try that the firewall blocked is a retry",
    given: evidence({
      attempts: refusedAt([1, 3, 5]),
      flows: [by(zeekFlow(target, 6 * MINUTE, { verdict: "direct-attempted", control: false }))],
    }),
    channel: "Flow",
    state: "met",
  },
  {
    name: "direct later than RetryPatternWindow, once",
    given: evidence({ attempts: refusedAt([1, 3, 5]), flows: trialAt([21]) }),
    channel: "Flow",
    state: "partly-met",
  },
  {
    name: "direct at the end of RetryPatternWindow",
    given: evidence({ attempts: refusedAt([1, 3, 5]), flows: trialAt([20]) }),
    channel: "Flow",
    state: "met",
  },
  {
    name: "later, but stable within TimeWindow",
    given: evidence({ attempts: refusedAt([1, 3, 5]), flows: trialAt([40, 45]) }),
    channel: "Flow",
    state: "met",
  },
  {
    name: "opaque far apart and never refused",
    given: evidence({ flows: [0, 1, 2].map((hour) => by(zeekFlow(target, hour * HOUR))) }),
    channel: "Flow",
    state: "not-met",
  },
  {
    name: "no session without inspection seen",
    given: evidence({ attempts: refusedAt([1, 3, 5]) }),
    channel: "Flow",
    state: "not-observable",
  },
  { name: "refused, and direct twice", given: C(), channel: "Insp", state: "met" },
  {
    name: "refused, and direct once",
    given: evidence({ attempts: refusedAt([1, 3, 5]), flows: trialAt([6]) }),
    channel: "Insp",
    state: "partly-met",
  },
  {
    name: "opaque, and inspected without a refusal",
    given: evidence({
      attempts: [by(attempt(target, MINUTE, "idle"))],
      flows: [0, 1, 2].map((hour) => by(zeekFlow(target, hour * HOUR))),
    }),
    channel: "Insp",
    state: "not-met",
  },
  {
    name: "never inspected",
    given: evidence({ flows: [0, 1, 2].map((hour) => by(zeekFlow(target, hour * HOUR))) }),
    channel: "Insp",
    state: "not-observable",
  },
]

t.test("each channel is met, partly met, not met or not observable", async (t) => {
  for (const row of channels) {
    const finding = findTarget(row.given, row.context, row.settings ?? settings)
    t.equal(finding?.analytic, "AN1725", row.name)
    t.equal(state(finding, row.channel), row.state, `${row.channel}: ${row.name}`)
  }
})

t.test("the channels carry ATT&CK's data components and log sources", async (t) => {
  t.same(
    findTarget(C())?.channels.map((each) => [each.channel, each.component, each.log_source]),
    [
      ["API", "DC0021", "MobileEDR:telemetry"],
      ["S", "DC0123", "MobileEDR:telemetry"],
      ["M", "DC0114", "android:MDMLog"],
      ["D", null, null],
      ["Flow", "DC0085", "NSM:Flow"],
      ["Insp", "DC0085", "NSM:Inspection"],
    ],
  )
  t.equal(findTarget(C())?.analytic_version, an1725.version)
  t.same(Object.keys(settings.AN1725), an1725.tunables, "settings have exactly the tunables")
})

interface ConfidenceRow {
  name: string
  given: DeviceEvidence
  context?: Partial<JudgementContext>
  settings?: AnalyticsSettings
  confidence: string | undefined
}

const P = (over: Partial<DeviceEvidence> = {}, attribution = who()) =>
  evidence({ attempts: refusedAt([1, 3, 5], {}, attribution), ...over })
const O = (over: Partial<DeviceEvidence> = {}) =>
  evidence({ flows: [0, 1, 2].map((hour) => by(zeekFlow(target, hour * HOUR))), ...over })
const E = (attribution = who(), over: Partial<DeviceEvidence> = {}) =>
  evidence({
    attempts: [
      ...refusedAt([1, 3, 5], {}, attribution),
      ...[1, 2, 3, 4].map((n) =>
        by(attempt(`www.s${n}.example`, n * MINUTE, "refused-alert"), attribution),
      ),
    ],
    ...over,
  })
const api = pinEvent(MINUTE - 1)
const opaqueApi = pinEvent(HOUR - 1)
const managed = { postures: [posture()] }
const D = { apps: [strayed] }

const confidences: ConfidenceRow[] = [
  { name: "API + C + M", given: C(who(), { app_events: [api], ...managed }), confidence: "high" },
  { name: "API + C + D", given: C(who(), { app_events: [api] }), context: D, confidence: "high" },
  {
    name: "API + C + S",
    given: C(who(), { app_events: [background, api] }),
    confidence: "high",
  },
  { name: "API + P + M", given: P({ app_events: [api], ...managed }), confidence: "high" },
  { name: "API + O + D", given: O({ app_events: [opaqueApi] }), context: D, confidence: "high" },
  {
    name: "C + static + M + state without a runtime channel",
    given: C(who(), { app_events: [staticFact, background], ...managed }),
    confidence: "high",
  },
  { name: "API + C", given: C(who(), { app_events: [api] }), confidence: "medium" },
  { name: "API + P", given: P({ app_events: [api] }), confidence: "medium" },
  { name: "API + O", given: O({ app_events: [opaqueApi] }), confidence: "medium" },
  { name: "C + M", given: C(who(), managed), confidence: "medium" },
  { name: "C + D", given: C(), context: D, confidence: "medium" },
  {
    name: "C + M where EDR saw no trust evaluation is a step lower",
    given: C(who(), { app_events: watching, ...managed }),
    confidence: "low",
  },
  {
    name: "API + C of an app that is declared, approved and in use is a step lower",
    given: C(who(), { app_events: [foreground, api], ...managed }),
    context: { apps: [approved] },
    confidence: "low",
  },
  {
    name: "API + C where one of M, S, D could not be observed loses nothing",
    given: C(who(), { app_events: [api], ...managed }),
    context: { apps: [approved] },
    confidence: "medium",
  },
  { name: "C alone", given: C(), confidence: "low" },
  {
    name: "C alone where EDR saw no trust evaluation",
    given: C(who(), { app_events: watching }),
    confidence: "record",
  },
  { name: "P + M", given: P(managed), confidence: "low" },
  { name: "P + D", given: P(), context: D, confidence: "low" },
  {
    name: "P + M where EDR saw no trust evaluation",
    given: P({ app_events: watching, ...managed }),
    confidence: "record",
  },
  { name: "O + M", given: O(managed), confidence: "low" },
  { name: "O + D", given: O(), context: D, confidence: "low" },
  { name: "E + unmanaged app", given: E(who(), { postures: [unlisted] }), confidence: "low" },
  { name: "E + background", given: E(who(), { app_events: [background] }), confidence: "low" },
  {
    name: "E + rare stack",
    given: E(),
    context: { stack_devices: new Map([[stackBaselineKey(stack1), 2]]) },
    confidence: "low",
  },
  {
    name: "E + common stack",
    given: E(),
    context: { stack_devices: new Map([[stackBaselineKey(stack1), 3]]) },
    confidence: "record",
  },
  { name: "E alone", given: E(), confidence: "record" },
  { name: "P alone", given: P(), confidence: "record" },
  { name: "O alone", given: O(), confidence: "record" },
  {
    name: "suspected waits for its control flow whatever stands beside it",
    given: evidence({
      attempts: [...acceptsElsewhere(), ...refusedAt([1, 3, 5])],
      app_events: [api],
      ...managed,
    }),
    confidence: "record",
  },
  {
    name: "API alone",
    given: evidence({ attempts: refusedAt([1]), app_events: [api] }),
    confidence: "record",
  },
  {
    name: "static alone",
    given: evidence({ attempts: refusedAt([1]), app_events: [staticFact] }),
    confidence: "record",
  },
  {
    name: "two refusals and nothing else",
    given: evidence({ attempts: refusedAt([1, 3]) }),
    confidence: undefined,
  },
  {
    name: "an inferred app is at most medium",
    given: C(who(), {
      attempts: [...acceptsElsewhere(), ...refusedAt([1, 12]), ...refusedAt([3, 5], {}, someone())],
      app_events: [api],
      ...managed,
    }),
    confidence: "medium",
  },
  {
    name: "an unknown app is at most low",
    given: E(someone(), {}),
    context: { stack_devices: new Map([[stackBaselineKey(stack1), 2]]) },
    confidence: "low",
  },
  {
    name: "an ambiguous binding is at most low",
    given: P({ app_events: [api], ...managed }, who({ device: "ambiguous" })),
    confidence: "low",
  },
  {
    name: "a shared binding is at most low",
    given: P({ app_events: [api], ...managed }, who({ device: "shared" })),
    confidence: "low",
  },
  {
    name: "weakly used control flows are at most medium",
    given: evidence({
      attempts: [...acceptsElsewhere(), ...refusedAt([1, 3, 5])],
      flows: trialAt([6], { strong: false }),
      app_events: [api],
      ...managed,
    }),
    confidence: "medium",
  },
  {
    name: "the vendor's do-not-inspect list is at most low",
    given: P({ app_events: [api], ...managed }),
    settings: AnalyticsSettings.parse({ "platform-hosts": [target] }),
    confidence: "low",
  },
  {
    name: "below InspectionFailureThreshold it is at most low",
    given: C(who(), managed),
    settings: withSettings({ InspectionFailureThreshold: 5 }),
    confidence: "low",
  },
  {
    name: "at InspectionFailureThreshold it is not held down",
    given: C(who(), managed),
    settings: withSettings({ InspectionFailureThreshold: 4 }),
    confidence: "medium",
  },
  {
    name: "opaque use has no failures to count",
    given: O({ app_events: [opaqueApi] }),
    settings: withSettings({ InspectionFailureThreshold: 50 }),
    confidence: "medium",
  },
]

t.test("each cell of the confidence table is reached, and no more", async (t) => {
  for (const row of confidences) {
    const finding = findTarget(row.given, row.context, row.settings ?? settings)
    t.equal(finding?.confidence, row.confidence, row.name)
  }
})

t.test("static facts reach high only without a runtime channel and in background", async (t) => {
  const other = { ...staticFact, app: { ...staticFact.app, version: "7.0" } }
  const rows = [
    { name: "all of it", events: [staticFact, background], confidence: "high" },
    { name: "of another version", events: [other, background], confidence: "medium" },
    { name: "in the foreground", events: [staticFact, foreground], confidence: "medium" },
    {
      name: "where a runtime channel exists",
      events: [staticFact, background, ...watching],
      confidence: "medium",
    },
  ]
  for (const { name, events, confidence } of rows)
    t.equal(findTarget(C(who(), { app_events: events, ...managed }))?.confidence, confidence, name)
})

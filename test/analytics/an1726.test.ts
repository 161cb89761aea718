import t from "tap"
import { an1726 } from "../../src/analytics/an1726.ts"
import { AnalyticsSettings } from "../../src/analytics/settings.ts"
import type { DeviceEvidence, JudgementContext } from "../../src/record/attributed.ts"
import type { Finding } from "../../src/record/finding.ts"
import {
  app,
  attempt,
  baselined,
  by,
  device,
  evidence,
  flow,
  HOUR,
  MINUTE,
  pinEvent,
  posture,
  SECOND,
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

const ios = device({ platform: "ios" })
const iosApp = app({ platform: "ios" })
const declared = app({ ...iosApp, declared_transport: "pins" })
const background = stateEvent(30_000, { app_state: "background" })
const foreground = stateEvent(30_000, { app_state: "foreground" })
const managed = { postures: [posture()] }

function on(given: DeviceEvidence, over: Partial<DeviceEvidence> = {}): DeviceEvidence {
  return { ...given, device: ios, ...over }
}

const C = (over: Partial<DeviceEvidence> = {}) => on(confirmedWorld(), over)
const P = (over: Partial<DeviceEvidence> = {}) =>
  on(
    evidence({
      attempts: [...acceptsElsewhere(who(), {}, ["www.news.example"]), ...refusedAt([1, 3, 5])],
    }),
    over,
  )
const O = (over: Partial<DeviceEvidence> = {}) =>
  on(evidence({ flows: [0, 1, 2].map((hour) => by(zeekFlow(target, hour * HOUR))) }), over)
/** Five sessions of a second and 3 KiB each within a few minutes, around the proxy. */
const R = (over: Partial<DeviceEvidence> = {}, count = 5) =>
  on(
    evidence({
      flows: Array.from({ length: count }, (_, index) =>
        by(
          zeekFlow(target, (index + 1) * MINUTE, {
            duration_ms: SECOND,
            client_bytes: 1_000,
            server_bytes: 2_000,
          }),
        ),
      ),
    }),
    over,
  )

function withSettings(over: Record<string, unknown>): AnalyticsSettings {
  return AnalyticsSettings.parse({ AN1726: over })
}

function state(finding: Finding | undefined, channel: string): string {
  return finding?.channels.find((each) => each.channel === channel)?.state ?? "absent"
}

interface Row {
  name: string
  given: DeviceEvidence
  context?: Partial<JudgementContext>
  settings?: AnalyticsSettings
}

const channels: (Row & { channel: string; state: string })[] = [
  {
    name: "supervised, managed and in no declaration",
    given: C(managed),
    channel: "M",
    state: "met",
  },
  {
    name: "not supervised",
    given: C({ postures: [posture({ supervised: false })] }),
    channel: "M",
    state: "not-met",
  },
  {
    name: "supervision not known",
    given: C({ postures: [posture({ supervised: null })] }),
    channel: "M",
    state: "not-observable",
  },
  {
    name: "not managed",
    given: C({ postures: [posture({ apps: [] })] }),
    channel: "M",
    state: "not-met",
  },
  { name: "no posture", given: C(), channel: "M", state: "not-observable" },
  {
    name: "declared to pin",
    given: C(managed),
    context: { apps: [declared] },
    channel: "M",
    state: "not-met",
  },
  {
    name: "declared to pin, but outside its own backend",
    given: C(managed),
    context: {
      apps: [
        app({
          ...declared,
          network_role: "client-of-own-backend",
          approved_destinations: ["www.own.example"],
        }),
      ],
    },
    channel: "M",
    state: "met",
  },
  {
    name: "declared to pin, at its own backend",
    given: C(managed),
    context: {
      apps: [
        app({
          ...declared,
          network_role: "client-of-own-backend",
          approved_destinations: ["*.bank.example"],
        }),
      ],
    },
    channel: "M",
    state: "not-met",
  },
  {
    name: "a destination approved to be pinned",
    given: C(managed),
    settings: withSettings({ AllowedDestinationList: [target] }),
    channel: "M",
    state: "not-met",
  },
  {
    name: "the register's approved destinations are not approved to be pinned",
    given: C(managed),
    context: { apps: [app({ ...iosApp, approved_destinations: [target] })] },
    channel: "M",
    state: "met",
  },
  {
    name: "a baselined destination",
    given: C(managed),
    context: { baselines: baselined([target]) },
    channel: "M",
    state: "not-met",
  },
  {
    name: "in background before the session",
    given: C({ ...managed, app_events: [background] }),
    channel: "S",
    state: "met",
  },
  {
    name: "under lock before the session",
    given: C({ ...managed, app_events: [stateEvent(30_000, { device_locked: true })] }),
    channel: "S",
    state: "met",
  },
  {
    name: "no interaction is no term of this analytic",
    given: C({
      ...managed,
      app_events: [stateEvent(30_000, { app_state: "foreground", recent_user_interaction: false })],
    }),
    channel: "S",
    state: "not-met",
  },
  {
    name: "in background, told longer than TimeWindow before",
    given: C({ ...managed, app_events: [stateEvent(-15 * MINUTE, { app_state: "background" })] }),
    channel: "S",
    state: "not-observable",
  },
  {
    name: "in background, of an app that is not managed",
    given: C({ app_events: [background] }),
    channel: "S",
    state: "partly-met",
  },
  {
    name: "in background, but expected where ForegroundStateRequired is false",
    given: C({ ...managed, app_events: [background] }),
    settings: withSettings({ ForegroundStateRequired: false }),
    channel: "S",
    state: "partly-met",
  },
  { name: "no state told", given: C(managed), channel: "S", state: "not-observable" },
  { name: "refused, then direct", given: C(), channel: "Flow", state: "met" },
  {
    name: "refused, direct later than TimeWindow",
    given: P({ flows: trialAt([40]) }),
    channel: "Flow",
    state: "partly-met",
  },
  { name: "five short-lived sessions", given: R(), channel: "Flow", state: "met" },
  { name: "only refused", given: P(), channel: "Flow", state: "not-observable" },
  { name: "direct, never refused", given: O(), channel: "Flow", state: "partly-met" },
  {
    name: "opaque for a client certificate, neither refused nor direct",
    given: on(
      evidence({
        flows: [0, 1, 2].map((hour) =>
          by(flow(target, hour * HOUR, { splice_cause: "client-certificate", control: false })),
        ),
      }),
    ),
    channel: "Flow",
    state: "not-met",
  },
  { name: "refused only when inspected", given: C(), channel: "Insp", state: "met" },
  { name: "refused, no session without", given: P(), channel: "Insp", state: "partly-met" },
  {
    name: "refused, and one session without failed too",
    given: C({
      flows: [...trialAt([6, 7]), ...trialAt([8], { verdict: "failed", strong: false })],
    }),
    channel: "Insp",
    state: "partly-met",
  },
  {
    name: "inspected, refused by none",
    given: O({ attempts: [by(attempt(target, MINUTE, "idle"))] }),
    channel: "Insp",
    state: "not-met",
  },
  { name: "never inspected", given: O(), channel: "Insp", state: "not-observable" },
]

t.test("each channel is met, partly met, not met or not observable", async (t) => {
  for (const row of channels) {
    const finding = findTarget(row.given, row.context, row.settings ?? settings)
    t.equal(finding?.analytic, "AN1726", row.name)
    t.equal(state(finding, row.channel), row.state, `${row.channel}: ${row.name}`)
  }
})

t.test("the channels carry ATT&CK's log sources, and there is no API channel", async (t) => {
  const finding = findTarget(C({ app_events: [pinEvent(MINUTE - 1)] }))
  t.same(
    finding?.channels.map((each) => [each.channel, each.component, each.log_source]),
    [
      ["M", "DC0114", "iOS:MDMLog"],
      ["S", "DC0123", "MobileEDR:telemetry"],
      ["Flow", "DC0085", "NSM:Flow"],
      ["Insp", "DC0085", "NSM:Inspection"],
    ],
  )
  t.equal(finding?.confidence, "low", "a trust event does not raise it")
  t.same(Object.keys(settings.AN1726), an1726.tunables, "settings have exactly the tunables")
  t.notOk("RetryPatternWindow" in settings.AN1726)
})

const confidences: (Row & { confidence: string | undefined })[] = [
  {
    name: "C + M + S",
    given: C({ ...managed, app_events: [background] }),
    confidence: "high",
  },
  { name: "C + M", given: C(managed), confidence: "medium" },
  {
    name: "C + M and in the foreground: exactly one of M, S is the row itself",
    given: C({ ...managed, app_events: [foreground] }),
    confidence: "medium",
  },
  {
    name: "C + S",
    given: C({ ...managed, app_events: [background] }),
    context: { apps: [declared] },
    confidence: "medium",
  },
  {
    name: "P + M + S",
    given: P({ ...managed, app_events: [background] }),
    confidence: "medium",
  },
  {
    name: "P + M + S where the stack accepts nothing around the refusals",
    given: P({ ...managed, app_events: [background], attempts: refusedAt([1, 3, 5]) }),
    confidence: "low",
  },
  {
    name: "P + M + S where MDM says that the CA is missing",
    given: P({ postures: [posture({ inspection_ca: "absent" })], app_events: [background] }),
    confidence: "record",
  },
  { name: "C alone", given: C(), confidence: "low" },
  {
    name: "C of a declared app in the foreground is a step lower",
    given: C({ ...managed, app_events: [foreground] }),
    context: { apps: [declared] },
    confidence: "record",
  },
  {
    name: "C + S, but not supervised",
    given: C({ postures: [posture({ supervised: false })], app_events: [background] }),
    confidence: "low",
  },
  { name: "P + M", given: P(managed), confidence: "low" },
  {
    name: "P + M and in the foreground is a step lower",
    given: P({ ...managed, app_events: [foreground] }),
    confidence: "record",
  },
  { name: "O + M", given: O(managed), confidence: "low" },
  { name: "short-lived repeats + M", given: R(managed), confidence: "low" },
  { name: "short-lived repeats alone", given: R(), confidence: "record" },
  { name: "four short-lived sessions", given: R(managed, 4), confidence: undefined },
  { name: "P alone", given: P(), confidence: "record" },
  { name: "O alone", given: O(), confidence: "record" },
  {
    name: "P + S, not managed",
    given: P({ app_events: [background] }),
    confidence: "record",
  },
  {
    name: "an inferred app is at most medium",
    given: on(
      {
        ...confirmedWorld(),
        attempts: [
          ...acceptsElsewhere(who({ app: "inferred" })),
          ...refusedAt([1, 3, 5, 12], {}, who({ app: "inferred" })),
        ],
      },
      { ...managed, app_events: [background] },
    ),
    confidence: "medium",
  },
  {
    name: "below InspectionFailureThreshold it is at most low",
    given: C({ ...managed, app_events: [background] }),
    settings: withSettings({ InspectionFailureThreshold: 5 }),
    confidence: "low",
  },
]

t.test("each cell of the confidence table is reached, and no more", async (t) => {
  for (const row of confidences) {
    const finding = findTarget(row.given, row.context, row.settings ?? settings)
    t.equal(finding?.confidence, row.confidence, row.name)
  }
})

t.test("short-lived means at most 5 s and 4 KiB, five times within TimeWindow", async (t) => {
  const flows = (over: object, minutes = [1, 2, 3, 4, 5]) =>
    minutes.map((minute) =>
      by(
        zeekFlow(target, minute * MINUTE, {
          duration_ms: 5_000,
          client_bytes: 1_096,
          server_bytes: 3_000,
          ...over,
        }),
      ),
    )
  const rows = [
    { name: "at the limits", given: flows({}), met: true },
    { name: "longer", given: flows({ duration_ms: 5_001 }), met: false },
    { name: "larger", given: flows({ server_bytes: 3_001 }), met: false },
    { name: "spread over more than TimeWindow", given: flows({}, [1, 5, 9, 13, 17]), met: false },
    {
      name: "by our own decision",
      given: flows({ source: "sensor", splice_cause: "operator", control: false }),
      met: false,
    },
  ]
  for (const { name, given, met } of rows) {
    const finding = findTarget(on(evidence({ flows: given }), managed))
    t.equal(finding !== undefined, met, name)
  }
})

/**
 * Analytic 1725 (Android) of DET0646, Detection of SSL Pinning, ATT&CK Mobile T1521.003.
 *
 * In: one judged key of an Android device. Out: every channel of the catalogue with its state, and the
 * confidence by the table. The catalogue's words stand above each channel (ATTACK-NOTICE.md).
 */
import type { Channel } from "../record/finding.ts"
import { allowance } from "./allowed.ts"
import { allowedDestinations, isAllowedApp } from "./allowed-lists.ts"
import { concludes } from "./conclude.ts"
import { type Term, weigh } from "./confidence.ts"
import { an1725Table, patternOf } from "./confidence-table.ts"
import { stackBaselineKey } from "./fleet-keys.ts"
import { coversAny } from "./host-list.ts"
import { type Management, management } from "./managed-app.ts"
import { lastUpTo } from "./rank.ts"
import type { StateAt } from "./state-at.ts"
import {
  type AnalyticJudgement,
  ceilings,
  channel,
  registered,
  type Subject,
  sessionsOf,
} from "./subject.ts"
import { type TrustEvidence, trustEvidence } from "./trust-events.ts"

/** As the catalogue has it: id and version of the object, in ATT&CK 19.1. */
export const an1725 = {
  id: "AN1725",
  version: "1.1",
  attack: "19.1",
  platform: "Android",
  stix: "x-mitre-analytic--05191336-6d06-41f7-babb-5d079e4168ae",
  tunables: [
    "TimeWindow",
    "AllowedAppList",
    "AllowedDestinationList",
    "ForegroundStateRequired",
    "InspectionFailureThreshold",
    "RetryPatternWindow",
  ],
} as const

const API = { channel: "API", component: "DC0021", log_source: "MobileEDR:telemetry" }
const S = { channel: "S", component: "DC0123", log_source: "MobileEDR:telemetry" }
const M = { channel: "M", component: "DC0114", log_source: "android:MDMLog" }
const D = { channel: "D", component: null, log_source: null }
const Flow = { channel: "Flow", component: "DC0085", log_source: "NSM:Flow" }
const Insp = { channel: "Insp", component: "DC0085", log_source: "NSM:Inspection" }

/** What the channels found, for the table's terms that are no channel of their own. */
interface Findings {
  trust: TrustEvidence | null
  quiet: boolean
  managed: Management
}

/** Null where the analytic has nothing to say about the key. */
export function judgeAn1725(subject: Subject): AnalyticJudgement | null {
  const { key, app, app_version, destination } = { ...subject.judgement, ...subject.judgement.key }
  const trust =
    key.app_id === null
      ? null
      : trustEvidence(subject.story(key.app_id), {
          appVersion: app_version,
          destination,
          sessions: sessionsOf(subject),
          windowMs: subject.settings.AN1725.TimeWindow,
        })
  const managed = management(subject)
  const state = stateChannel(subject, trust)
  const channels = [
    apiChannel(trust, subject),
    state.channel,
    mdmChannel(subject, managed),
    destinationChannel(subject),
    flowChannel(subject),
    inspectionChannel(subject),
  ]
  const found = { trust, quiet: state.quiet, managed }
  const met = termsMet(channels, found, subject)
  if (app === "observed") met.add("app-observed")
  const refuted = new Set(
    channels.filter((each) => each.state === "not-met").map((each) => each.channel as Term),
  )
  const threshold = subject.settings.AN1725.InspectionFailureThreshold
  const weighed = weigh(
    an1725Table,
    { pattern: patternOf(subject.judgement.verdict), met, refuted },
    // Where the check itself was seen, nobody needs trust around the refusals to tell it from a distrust of the CA.
    ceilings(met.has("API") ? { ...subject, doubt: null } : subject, threshold),
  )
  if (!weighed) return null
  return concludes({
    analytic: "AN1725",
    version: an1725.version,
    channels,
    weighed,
    allowance: allowance(subject, subject.settings.AN1725, approvedFor(subject)),
    exposed: met.has("S") || met.has("D"),
    subject,
  })
}

/**
 * DC0021 OS API Execution, MobileEDR:telemetry: "Application invokes custom TLS trust evaluation logic
 * or pin validation routines (e.g., custom TrustManager, HostnameVerifier override, certificate/public
 * key comparison) immediately before outbound TLS session establishment"
 */
function apiChannel(trust: TrustEvidence | null, { settings }: Subject): Channel {
  const within = `within ${settings.AN1725.TimeWindow / 1000} s before a session (TimeWindow)`
  if (!trust)
    return channel(API, "not-observable", "No app is known; mobile EDR that names it is missing.")
  const { preceding, apart, lesser, statics, watched } = trust
  if (preceding.length > 0) {
    const ids = preceding.flatMap(({ event, session }) => [event.id, session.id])
    return channel(
      API,
      "met",
      `The app evaluated trust itself ${within}, at ${preceding.length} sessions.`,
      ids,
    )
  }
  const recorded = [...lesser, ...statics].map((event) => event.id)
  if (recorded.length > 0)
    return channel(
      API,
      "partly-met",
      `${lesser.length} hostname verifiers or unknown kinds and ${statics.length} static pin facts of ` +
        "this version: recorded, but none of them is an evaluation at run time.",
      recorded,
    )
  if (apart.length > 0)
    return channel(
      API,
      "not-met",
      `${apart.length} trust evaluations of the app, none ${within}.`,
      apart.map((event) => event.id),
    )
  return watched
    ? channel(
        API,
        "not-met",
        `Mobile EDR watches the app and reports no trust evaluation ${within}.`,
      )
    : channel(API, "not-observable", "No mobile EDR reports trust events of this app at run time.")
}

/**
 * DC0123 Application State, MobileEDR:telemetry: "TLS trust customization and outbound HTTPS session occur
 * while app_state=background or device_locked=true or recent_user_interaction=false"
 */
function stateChannel(
  subject: Subject,
  trust: TrustEvidence | null,
): { channel: Channel; quiet: boolean } {
  const { settings, judgement, story } = subject
  const holds = settings["state-holds"]
  const stateOf = story(judgement.key.app_id).stateAt
  const states = sessionsOf(subject).map((session) => ({
    session,
    state: stateOf(session.start, holds),
  }))
  const known = states.filter(({ state }) => isKnown(state))
  const quiet = known.filter(({ state }) => isQuiet(state))
  const ids = quiet.flatMap(({ session, state }) => [session.id, ...state.ids])
  if (known.length === 0)
    return {
      channel: channel(S, "not-observable", "No mobile EDR tells the app's state at a session."),
      quiet: false,
    }
  if (quiet.length === 0) {
    const why = `In the foreground and in use at all ${known.length} sessions whose state is known.`
    return { channel: channel(S, "not-met", why), quiet: false }
  }
  const what = `${quiet.length} sessions in background, under lock or without recent interaction`
  if (!settings.AN1725.ForegroundStateRequired) {
    const why = `${what}, but ForegroundStateRequired is false: it is expected.`
    return { channel: channel(S, "partly-met", why, ids), quiet: false }
  }
  const both = (trust?.preceding ?? []).filter(({ event, session }) => {
    const before = stateOf(Date.parse(event.observed_at), holds)
    return isQuiet(stateOf(session.start, holds)) && isQuiet(before)
  })
  if (both.length === 0)
    return {
      channel: channel(S, "partly-met", `${what}, but without trust customisation.`, ids),
      quiet: true,
    }
  const pairs = both.flatMap(({ event, session }) => [event.id, session.id])
  const why = `${what}, ${both.length} of them after trust customisation in such a state.`
  return { channel: channel(S, "met", why, [...pairs, ...ids]), quiet: true }
}

function isKnown(state: StateAt): boolean {
  return state.background !== null || state.locked !== null || state.recentInteraction !== null
}

function isQuiet(state: StateAt): boolean {
  return state.background === true || state.locked === true || state.recentInteraction === false
}

/**
 * DC0114 Application Permission, android:MDMLog: "Managed app with undeclared secure transport behavior or
 * app category mismatch initiates opaque TLS communications inconsistent with enterprise policy
 * baseline"
 */
function mdmChannel(subject: Subject, { managed, why, ids }: Management): Channel {
  if (managed === null)
    return channel(M, "not-observable", `Whether the app is managed is not known: ${why}.`, ids)
  if (!managed) return channel(M, "not-met", `No managed app: ${why}.`, ids)
  if (isAllowedApp(subject.judgement.key.app_id, subject.settings.AN1725))
    return channel(M, "not-met", "AllowedAppList declares that the app may pin.", ids)
  const entries = registered(subject)
  const all = [...ids, ...entries.map((entry) => entry.id)]
  const declared = entries.some((entry) => entry.declared_transport === "pins")
  const expected = subject.settings["categories-expected-to-pin"]
  const odd = entries.find((entry) => entry.category !== null && !expected.includes(entry.category))
  if (!declared) {
    const how = entries.length === 0 ? "has no entry for it" : "does not declare that it pins"
    return channel(M, "met", `Managed app (${why}); the app register ${how}.`, all)
  }
  return odd
    ? channel(
        M,
        "met",
        `Managed app (${why}) of category ${odd.category}, not expected to pin.`,
        all,
      )
    : channel(M, "not-met", "The app register declares that the app pins.", all)
}

/** From the description: "destinations not aligned with approved app behavior". A term of its own. */
function destinationChannel(subject: Subject): Channel {
  const { app_id, destination } = subject.judgement.key
  if (app_id === null)
    return channel(D, "not-observable", "No app is known to be approved for anything.")
  const approved = approvedFor(subject)
  const count = approved.reduce((all, patterns) => all + patterns.length, 0)
  if (count === 0)
    return channel(
      D,
      "not-observable",
      "Neither AllowedDestinationList nor the app register approves any destination of the app.",
    )
  return coversAny(approved, destination)
    ? channel(D, "not-met", `${destination} is approved for the app.`)
    : channel(D, "met", `${destination} is none of the ${count} approved destinations.`)
}

/** Lists of patterns: the same ones each time, so that they are compiled once. */
function approvedFor(subject: Subject): (readonly string[])[] {
  return [
    ...allowedDestinations(subject.judgement.key.app_id, subject.settings.AN1725),
    ...registered(subject).map((app) => app.approved_destinations),
  ]
}

/**
 * DC0085 Network Traffic Content, NSM:Flow: "Application initiates HTTPS connection with repeated certificate
 * validation failure under enterprise proxy followed by direct network retry or stable opaque TLS
 * communication to same endpoint within correlation window"
 */
function flowChannel({ evidence, settings }: Subject): Channel {
  const { tries, refusals, control } = evidence
  const direct = [...control.used, ...control.attempted].sort((a, b) => a.start - b.start)
  const opaque = [...new Set([...control.used, ...control.opaque])].sort(
    (a, b) => a.start - b.start,
  )
  if (direct.length === 0 && opaque.length === 0)
    return channel(
      Flow,
      "not-observable",
      "No trial spliced the key and no Zeek, Suricata or import shows sessions around the proxy.",
    )
  const ids = [...refusals, ...direct, ...opaque].map((each) => each.id)
  const { RetryPatternWindow, TimeWindow } = settings.AN1725
  const starts = refusals.map((refusal) => refusal.start)
  const retries = direct.filter((flow) => {
    const before = lastUpTo(starts, flow.start, (start) => start)
    return before !== undefined && flow.start - before <= RetryPatternWindow
  })
  const stable = opaque.filter((flow, index) => {
    const previous = opaque[index - 1]
    return previous !== undefined && flow.start - previous.start <= TimeWindow
  })
  const repeated = tries.length >= 2
  const why =
    `${tries.length} refused tries, ${retries.length} direct tries within ` +
    `${RetryPatternWindow / 1000} s after a refusal (RetryPatternWindow), ${stable.length} further ` +
    `opaque sessions within ${TimeWindow / 1000} s of the one before (TimeWindow).`
  if (repeated && (retries.length > 0 || stable.length > 0)) return channel(Flow, "met", why, ids)
  return channel(Flow, repeated || stable.length > 0 ? "partly-met" : "not-met", why, ids)
}

/**
 * DC0085 Network Traffic Content, NSM:Inspection: "TLS session from mobile app fails, resets, or refuses
 * enterprise interception while same destination/app pair repeatedly establishes direct encrypted
 * communication pattern consistent with pinned certificate/public-key validation"
 */
function inspectionChannel({ evidence }: Subject): Channel {
  const { attempts, refusals, control } = evidence
  if (attempts.length === 0)
    return channel(Insp, "not-observable", "No connection of the key was inspected.")
  const ids = [...refusals, ...control.used].map((each) => each.id)
  const why = `${refusals.length} refusals under inspection, ${control.used.length} used sessions without.`
  if (refusals.length === 0) return channel(Insp, "not-met", why, ids)
  return channel(Insp, control.used.length >= 2 ? "met" : "partly-met", why, ids)
}

function termsMet(channels: readonly Channel[], found: Findings, subject: Subject): Set<Term> {
  const met = new Set<Term>()
  for (const name of ["API", "S", "M", "D"] as const)
    if (channels.some((each) => each.channel === name && each.state === "met")) met.add(name)
  if (found.quiet) met.add("state")
  if (found.trust && found.trust.statics.length > 0) met.add("static")
  if (found.trust && !found.trust.watched && found.trust.preceding.length === 0)
    met.add("no-runtime-channel")
  if (found.managed.managed === false) met.add("unmanaged")
  const { stack } = subject.judgement.key
  const devices =
    stack === null ? undefined : subject.context.stack_devices.get(stackBaselineKey(stack))
  if (devices !== undefined && devices < subject.settings["rare-stack-devices"])
    met.add("rare-stack")
  return met
}

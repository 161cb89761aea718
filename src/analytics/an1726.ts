/**
 * Analytic 1726 (iOS) of DET0646, Detection of SSL Pinning, ATT&CK Mobile T1521.003.
 *
 * In: one judged key of an iOS device. Out: every channel of the catalogue with its state, and the
 * confidence by the table. The catalogue's words stand above each channel (ATTACK-NOTICE.md). There is
 * no API channel: that iOS shows no trust evaluation says nothing.
 */
import type { Channel } from "../record/finding.ts"
import type { Flow as FlowRecord } from "../record/flow.ts"
import { allowance } from "./allowed.ts"
import { allowedDestinations, isAllowedApp } from "./allowed-lists.ts"
import { concludes } from "./conclude.ts"
import { type Ceiling, type Term, weigh } from "./confidence.ts"
import { an1726Table, patternOf } from "./confidence-table.ts"
import { isOpaque } from "./control.ts"
import { covers, coversAny } from "./host-list.ts"
import { type Management, management } from "./managed-app.ts"
import { baselineOf } from "./pair-state.ts"
import { lastUpTo } from "./rank.ts"
import type { Sighting } from "./sighting.ts"
import {
  type AnalyticJudgement,
  ceilings,
  channel,
  pairOf,
  registered,
  type Subject,
  sessionsOf,
} from "./subject.ts"

/** As the catalogue has it: id and version of the object, in ATT&CK 19.1. */
export const an1726 = {
  id: "AN1726",
  version: "1.1",
  attack: "19.1",
  platform: "iOS",
  stix: "x-mitre-analytic--93a35555-f71e-4230-9f2a-529a539e8612",
  tunables: [
    "TimeWindow",
    "AllowedAppList",
    "AllowedDestinationList",
    "ForegroundStateRequired",
    "InspectionFailureThreshold",
  ],
} as const

const M = { channel: "M", component: "DC0114", log_source: "iOS:MDMLog" }
const S = { channel: "S", component: "DC0123", log_source: "MobileEDR:telemetry" }
const Flow = { channel: "Flow", component: "DC0085", log_source: "NSM:Flow" }
const Insp = { channel: "Insp", component: "DC0085", log_source: "NSM:Inspection" }

/** What the catalogue calls short-lived, and repeated. The numbers are ours. */
const SHORT_MS = 5_000
const SHORT_BYTES = 4_096
const SHORT_REPEATS = 5

/** Null where the analytic has nothing to say about the key. */
export function judgeAn1726(subject: Subject): AnalyticJudgement | null {
  const managed = management(subject)
  const repeats = shortLived(subject)
  const channels = [
    mdmChannel(subject, managed),
    stateChannel(subject, managed, repeats),
    flowChannel(subject, repeats),
    inspectionChannel(subject),
  ]
  const met = new Set<Term>()
  for (const name of ["M", "S"] as const)
    if (channels.some((each) => each.channel === name && each.state === "met")) met.add(name)
  if (managed.managed === true && managed.supervised === true) met.add("supervised-and-managed")
  if (subject.judgement.app === "observed") met.add("app-observed")
  const refuted = new Set(
    channels.filter((each) => each.state === "not-met").map((each) => each.channel as Term),
  )
  const { verdict } = subject.judgement
  // Short-lived repeats speak where no verdict does.
  const repeated = verdict === "undetermined" && repeats.length > 0
  const pattern = repeated ? "R" : patternOf(verdict)
  const weighed = weigh(an1726Table, { pattern, met, refuted }, ceilingsOf(subject))
  if (!weighed) return null
  return concludes({
    analytic: "AN1726",
    version: an1726.version,
    channels,
    weighed,
    allowance: allowance(subject, subject.settings.AN1726, pinnable(subject)),
    exposed: met.has("S"),
    subject,
  })
}

/** On iOS apps share the platform's trust, so a stack that accepts nothing around the refusals has
 * more likely no trust at all, or roots of its own, than a pin. */
function ceilingsOf(subject: Subject): Ceiling[] {
  const found = ceilings(subject, subject.settings.AN1726.InspectionFailureThreshold)
  if (subject.judgement.verdict === "refuses-here" && subject.doubt !== null)
    found.push({ at: "low", why: "its TLS stack is not shown to trust our CA around the refusals" })
  return found
}

/**
 * DC0114 Application Permission, iOS:MDMLog: "Supervised managed app with undeclared secure transport
 * behavior or unexpected network role communicates with non-baselined destination over opaque TLS"
 */
function mdmChannel(subject: Subject, { managed, supervised, why, ids }: Management): Channel {
  const { key } = subject.judgement
  if (managed === null || supervised === null) {
    const what = managed === null ? "the app is managed" : "the device is supervised"
    return channel(M, "not-observable", `Whether ${what} is not known: ${why}.`, ids)
  }
  if (!supervised) return channel(M, "not-met", "The device is not supervised.", ids)
  if (!managed) return channel(M, "not-met", `No managed app: ${why}.`, ids)
  const entries = registered(subject)
  const all = [...ids, ...entries.map((entry) => entry.id)]
  if (coversAny(pinnable(subject), key.destination))
    return channel(M, "not-met", `${key.destination} is approved to be pinned.`, all)
  const { context, settings } = subject
  const baseline = baselineOf(pairOf(subject), context, settings, { byRegister: false })
  if (baseline !== null)
    return channel(M, "not-met", `${key.destination} is baseline of the app (${baseline}).`, all)
  const declared =
    isAllowedApp(key.app_id, subject.settings.AN1726) ||
    entries.some((entry) => entry.declared_transport === "pins")
  if (!declared) {
    const how = entries.length === 0 ? "has no entry for it" : "does not declare that it pins"
    return channel(M, "met", `Supervised and managed (${why}); the app register ${how}.`, all)
  }
  // The one role that says which destinations belong to it: the app talks to its own backend only.
  const strayed = entries.find(
    (entry) =>
      entry.network_role === "client-of-own-backend" &&
      !covers(entry.approved_destinations, key.destination),
  )
  return strayed
    ? channel(
        M,
        "met",
        `Supervised and managed (${why}); unexpected for the role ${strayed.network_role}.`,
        all,
      )
    : channel(M, "not-met", "The app is declared to pin, and the destination fits its role.", all)
}

/** Destinations that are approved to be pinned by the key's app. */
function pinnable(subject: Subject): (readonly string[])[] {
  return allowedDestinations(subject.judgement.key.app_id, subject.settings.AN1726)
}

/**
 * DC0123 Application State, MobileEDR:telemetry: "Managed app initiates or resumes network-capable execution
 * while app_state=background or device_locked=true before opaque TLS session attempt"
 *
 * There is no term for user interaction. The state must have been told within TimeWindow before.
 */
function stateChannel(
  subject: Subject,
  { managed }: Management,
  repeats: readonly Sighting<FlowRecord>[],
): Channel {
  const { TimeWindow, ForegroundStateRequired } = subject.settings.AN1726
  const stateOf = subject.story(subject.judgement.key.app_id).stateAt
  const states = [...sessionsOf(subject), ...repeats].map((session) => ({
    session,
    state: stateOf(session.start, TimeWindow),
  }))
  const known = states.filter(({ state }) => state.background !== null || state.locked !== null)
  if (known.length === 0)
    return channel(
      S,
      "not-observable",
      `No mobile EDR tells the app's state within ${TimeWindow / 1000} s before a session.`,
    )
  const quiet = known.filter(({ state }) => state.background === true || state.locked === true)
  if (quiet.length === 0)
    return channel(
      S,
      "not-met",
      `In the foreground at all ${known.length} sessions that are known.`,
    )
  const ids = quiet.flatMap(({ session, state }) => [session.id, ...state.ids])
  const what = `${quiet.length} sessions in background or under lock`
  if (!ForegroundStateRequired)
    return channel(S, "partly-met", `${what}, but ForegroundStateRequired is false.`, ids)
  if (managed !== true) return channel(S, "partly-met", `${what}, but of no managed app.`, ids)
  return channel(S, "met", `${what}, told within TimeWindow.`, ids)
}

/**
 * DC0085 Network Traffic Content, NSM:Flow: "App-destination pair shows consistent inspection bypass/refusal
 * pattern followed by direct encrypted communication or repeated short-lived TLS sessions to same
 * endpoint within correlation window"
 */
function flowChannel(subject: Subject, repeats: readonly Sighting<FlowRecord>[]): Channel {
  const { tries, refusals, acceptances, control } = subject.evidence
  if (control.used.length === 0 && control.opaque.length === 0 && repeats.length === 0)
    return channel(
      Flow,
      "not-observable",
      "No trial spliced the key and no Zeek, Suricata or import shows sessions around the proxy.",
    )
  const consistent = tries.length >= 2 && acceptances.length === 0
  const starts = refusals.map((refusal) => refusal.start)
  const after = control.used.filter((flow) => {
    const before = lastUpTo(starts, flow.start, (start) => start)
    return before !== undefined && flow.start - before <= subject.settings.AN1726.TimeWindow
  })
  const ids = [...refusals, ...control.used, ...repeats].map((each) => each.id)
  const why =
    `${tries.length} refused and ${acceptances.length} accepted tries, ${after.length} direct ` +
    `sessions within TimeWindow after a refusal, ${repeats.length} short-lived repeats.`
  if ((consistent && after.length > 0) || repeats.length > 0) return channel(Flow, "met", why, ids)
  return channel(Flow, consistent || control.used.length > 0 ? "partly-met" : "not-met", why, ids)
}

/**
 * DC0085 Network Traffic Content, NSM:Inspection: "TLS handshake from iOS app repeatedly fails or is rejected
 * only when enterprise SSL inspection certificate is presented, indicating certificate or public-key
 * pin validation effect"
 */
function inspectionChannel({ evidence }: Subject): Channel {
  const { attempts, tries, refusals, acceptances, control } = evidence
  if (attempts.length === 0)
    return channel(Insp, "not-observable", "No connection of the key was inspected.")
  const ids = [...refusals, ...control.used, ...control.failed].map((each) => each.id)
  const why =
    `${tries.length} refused and ${acceptances.length} accepted tries with our certificate; without ` +
    `it ${control.used.length} sessions used and ${control.failed.length} failed.`
  if (tries.length < 2 || acceptances.length > 0) return channel(Insp, "not-met", why, ids)
  const only = control.used.length > 0 && control.failed.length === 0
  return channel(Insp, only ? "met" : "partly-met", why, ids)
}

/** Short-lived opaque sessions of which so many lie within TimeWindow; none if there are fewer. */
function shortLived({ evidence, settings }: Subject): Sighting<FlowRecord>[] {
  const short = evidence.flows.filter(
    (flow) =>
      isOpaque(flow) &&
      flow.fact.verdict !== "failed" &&
      flow.fact.duration_ms <= SHORT_MS &&
      flow.fact.client_bytes + flow.fact.server_bytes <= SHORT_BYTES,
  )
  const dense = new Set<Sighting<FlowRecord>>()
  for (const [index, last] of short.entries()) {
    const first = short[index - SHORT_REPEATS + 1]
    if (!first || last.start - first.start > settings.AN1726.TimeWindow) continue
    for (const flow of short.slice(index - SHORT_REPEATS + 1, index + 1)) dense.add(flow)
  }
  return [...dense]
}

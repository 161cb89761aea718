/**
 * The scope verdict: what the evidence of one device means, key by key, before any analytic.
 *
 * In: the joined evidence of a device inside the window, and what else a judgement needs. Out: one
 * judgement per key, in a fixed order. It must not know the clock, the store or alerting.
 */
import type { DeviceAbout, DeviceEvidence, JudgementContext } from "../record/attributed.ts"
import type { Drift } from "../record/drift.ts"
import type { RegisterEntry } from "../record/register-entry.ts"
import type { ScopeJudgement } from "../record/scope-judgement.ts"
import { type AcceptanceIndex, acceptanceIndex, stackKey } from "./acceptance-index.ts"
import { type Actor, actorKey, groupByKey } from "./actor.ts"
import { driftWords } from "./drift-words.ts"
import { networkWindows } from "./drops.ts"
import { elsewhereKey, elsewhereStackKey } from "./fleet-keys.ts"
import { covers } from "./host-list.ts"
import { toJudgement } from "./judgement.ts"
import { areEnough, type KeyEvidence, keysOfPlace } from "./key-evidence.ts"
import { isPlatformActor, type NamedApp, namedApp } from "./named-app.ts"
import { overrideWords, type Tuned, tunedFor } from "./overrides.ts"
import { baselineOf } from "./pair-state.ts"
import { postureAt } from "./posture-at.ts"
import { acceptedByApp, conductOfStack, isOperators, type Qualified, qualify } from "./qualify.ts"
import { rotatedNames } from "./rotated-names.ts"
import { isSilenced } from "./sensor-fault.ts"
import type { AnalyticsSettings } from "./settings.ts"
import { sightings } from "./sighting.ts"
import { doubtOf } from "./trust-around.ts"
import { type Circumstances, OPAQUE_HOURS, rotatedVerdict, verdictOf } from "./verdict.ts"

/** A judgement with the evidence that the analytics look into. */
export interface ScopedKey {
  judgement: ScopeJudgement
  evidence: KeyEvidence
  /** The destination is on the vendor's do-not-inspect list. */
  platformHost: boolean
  /** Why the refusals may not be about this destination, though they are enough (trust-around.ts). */
  doubt: string | null
  /** What holds for the key (overrides.ts). */
  settings: AnalyticsSettings
}

export function judgeScope(
  evidence: DeviceEvidence,
  context: JudgementContext,
  settings: AnalyticsSettings,
): ScopeJudgement[] {
  return scopeDevice(evidence, context, settings).map((key) => key.judgement)
}

export function scopeDevice(
  evidence: DeviceEvidence,
  context: JudgementContext,
  settings: AnalyticsSettings,
): ScopedKey[] {
  const seen = sightings(evidence, context.now, settings)
  const input = {
    settings: settings.scope,
    scopeOf: (actor: Actor) => tunedOf(actor, evidence, settings).settings.scope,
    network: networkWindows(seen, settings.scope),
    register: entriesById(context.register),
  }
  const keys = groupByKey(seen).flatMap((groups) => keysOfPlace(groups, input))
  const named = keys.map((key) => nameKey(key, settings))
  const expected = new Set(named.filter((each) => each.platformExpected).map(({ key }) => key))
  const index = acceptanceIndex({
    attempts: seen.attempts,
    keys,
    countsAsRefused: (key) => !expected.has(key),
    isProof: (domain) => !isOperators(domain, settings),
  })
  return judgeKeys({ named, index }, evidence, context, settings)
}

/** The keys of a device as they were weighed, and what it showed beyond each of them. */
export interface Weighed {
  named: readonly NamedKey[]
  index: AcceptanceIndex
}

/** `judged`: what an earlier call made of a key that gives no finding and has not changed since. */
export function judgeKeys(
  { named, index }: Weighed,
  about: DeviceAbout,
  context: JudgementContext,
  settings: AnalyticsSettings,
  judged?: LookUpKey,
): ScopedKey[] {
  const ordinary = named.filter((each) => !each.platformExpected).map(({ key }) => key)
  const keys = [
    ...named.map((key) => judged?.get(key.key) ?? judgeKey(key, index, about, context, settings)),
    ...rotatedNames(ordinary, settings.scope).flatMap(
      (key) => judgeDomain(key, index, about, context, settings) ?? [],
    ),
  ]
  const places = new Map(keys.map((key) => [key, sortKey(key)]))
  return keys.sort((a, b) => ((places.get(a) ?? "") < (places.get(b) ?? "") ? -1 : 1))
}

type LookUpKey = Pick<WeakMap<KeyEvidence, ScopedKey>, "get">

/** The register is the same array until it changes. */
const byId = new WeakMap<readonly RegisterEntry[], ReadonlyMap<string, RegisterEntry>>()

export function entriesById(
  register: readonly RegisterEntry[],
): ReadonlyMap<string, RegisterEntry> {
  const known = byId.get(register) ?? new Map(register.map((entry) => [entry.id, entry]))
  byId.set(register, known)
  return known
}

/** A key and the app that it names. */
export interface NamedKey {
  key: KeyEvidence
  app: NamedApp
  platformHost: boolean
  platformExpected: boolean
}

export function nameKey(key: KeyEvidence, settings: AnalyticsSettings): NamedKey {
  const app = namedApp(key)
  const platformHost = covers(settings["platform-hosts"], key.group.destination)
  return { key, app, platformHost, platformExpected: platformHost && isPlatformActor(key, app) }
}

function judgeKey(
  { key, app, platformHost, platformExpected }: NamedKey,
  index: AcceptanceIndex,
  evidence: DeviceAbout,
  context: JudgementContext,
  general: AnalyticsSettings,
): ScopedKey {
  const tuned = tunedOf(key.group.actor, evidence, general)
  const { settings } = tuned
  const platform = evidence.device?.platform ?? "unknown"
  const { destination } = key.group
  const asked = { index, platform, postures: evidence.postures }
  const qualified = qualify(key, asked)
  const doubt = doubtAbout(key, qualified, index, evidence, context, settings)
  const pair = { evidence: key, app, destination, platform, verdict: null }
  const circumstances: Circumstances = {
    qualifying: qualified?.qualifying ?? null,
    acceptedByApp: acceptedByApp(key, asked),
    doubt,
    ceilings: ceilingsOf(key),
    everything: everythingWords(key, index, evidence, settings),
    platformExpected,
    // Asked only where it decides: most keys are neither opaque nor refused.
    baselined:
      key.control.opaqueHours >= OPAQUE_HOURS && baselineOf(pair, context, settings) !== null,
    acceptedElsewhere:
      context.accepted_elsewhere.get(elsewhereKey(app.id, app.version, destination)) ?? [],
    sensorFault: isSilenced(key.attempts, context.sensor_fault),
  }
  const verdict = verdictOf(key, circumstances, settings.scope)
  const drift = driftWords(driftsOf(key, context), evidence.device_id)
  const told = { ...verdict, reasons: [...verdict.reasons, ...drift, ...overridden(tuned)] }
  const judgement = toJudgement(key, platform, app, circumstances, told, evidence.device_id)
  return { judgement, evidence: key, platformHost, doubt, settings }
}

/** The settings that hold for an actor's keys. An app that is only inferred is nobody's. */
export function tunedOf(
  actor: Actor,
  { device }: Pick<DeviceAbout, "device">,
  settings: AnalyticsSettings,
): Tuned {
  return tunedFor(settings, {
    app_id: actor.kind === "app" ? actor.app_id : null,
    groups: device?.groups ?? [],
    platform: device?.platform ?? "unknown",
  })
}

function overridden(tuned: Tuned): string[] {
  const words = overrideWords(tuned)
  return words === null ? [] : [words]
}

/** A whole domain with names that change: told only where all but the control flow is there. */
function judgeDomain(
  key: KeyEvidence,
  index: AcceptanceIndex,
  evidence: DeviceAbout,
  context: JudgementContext,
  general: AnalyticsSettings,
): ScopedKey | null {
  const tuned = tunedOf(key.group.actor, evidence, general)
  const { settings } = tuned
  const platform = evidence.device?.platform ?? "unknown"
  const app = namedApp(key)
  const asked = { index, platform, postures: evidence.postures }
  const qualified = qualify(key, asked)
  const names = [...new Set(key.refusals.map(({ destination }) => destination))]
  const isAcceptedElsewhere = names.some((name) =>
    context.accepted_elsewhere.get(elsewhereKey(app.id, app.version, name)),
  )
  if (!qualified || isAcceptedElsewhere) return null
  if (isSilenced(key.attempts, context.sensor_fault)) return null
  if (everythingWords(key, index, evidence, settings) !== null) return null
  if (doubtAbout(key, qualified, index, evidence, context, settings) !== null) return null
  const { qualifying } = qualified
  const rotated = rotatedVerdict(key, names.length, qualifying)
  const told = { ...rotated, reasons: [...rotated.reasons, ...overridden(tuned)] }
  const seen = {
    qualifying,
    ceilings: ceilingsOf(key),
    acceptedByApp: acceptedByApp(key, asked),
  }
  const judgement = toJudgement(key, platform, app, seen, told, evidence.device_id)
  // No name, so no trial: it would be for one that does not come again.
  const untried = { ...judgement, sni: null }
  return { judgement: untried, evidence: key, platformHost: false, doubt: null, settings }
}

/** Of an actor that is not known to trust us, its stack's conduct is asked. */
function doubtAbout(
  key: KeyEvidence,
  qualified: Qualified | null,
  index: AcceptanceIndex,
  about: DeviceAbout,
  { accepted_elsewhere }: JudgementContext,
  { scope }: AnalyticsSettings,
): string | null {
  if (!areEnough(key.refusals, scope)) return null
  const resets = key.refusals.filter(({ fact }) => fact.outcome === "refused-reset")
  const elsewhere = resets.some(({ fact: { stack }, destination }) => {
    return stack !== null && accepted_elsewhere.get(elsewhereStackKey(stack, destination))
  })
  const surroundings = {
    key,
    conductAt: qualified?.conductAt ?? conductOfStack(key, index),
    by: qualified?.qualifying.by ?? null,
    mayOptIn: mayOptIn(key, about),
    acceptedByStackElsewhere: elsewhere,
  }
  return doubtOf(surroundings, scope)
}

/** A CA in the system's store is trusted without asking the app. */
function mayOptIn(key: KeyEvidence, { device, postures }: DeviceAbout): boolean {
  if (device?.platform !== "android") return false
  const last = key.refusals.at(-1)?.start ?? 0
  return postureAt(postures, last, key.group.actor.profile)?.inspection_ca !== "system"
}

/** Under the bypasses that hold the key, as far as evidence is complete. */
function driftsOf({ bypassed }: KeyEvidence, { drifts, now }: JudgementContext): Drift[] {
  const entries = new Set(bypassed.flatMap(({ fact }) => fact.register_entry ?? []))
  return [...entries]
    .flatMap((id) => drifts.get(id) ?? [])
    .filter(({ observed_at }) => Date.parse(observed_at) <= now)
}

/** The ceiling that the device's binding and the stack do not tell of. */
export const echCeiling =
  "Encrypted ClientHello was really offered: the name is only the outer one."

/** What holds a key down to `suspected`, whatever else was seen. */
function ceilingsOf(key: KeyEvidence): string[] {
  const ceilings: string[] = []
  if (key.ech) ceilings.push(echCeiling)
  if (key.refusals.some((refusal) => refusal.fact.stack === null))
    ceilings.push("The client's TLS stack is not known.")
  if (key.device === "ambiguous") ceilings.push("Two devices claim the client's address.")
  if (key.device === "shared") ceilings.push("Several devices share the client's address.")
  if (key.device === "absent") ceilings.push("No binding tells which device it was.")
  return ceilings
}

/**
 * Whether the device, or the stack on it, accepted nothing and refused many destinations, in words.
 * "CA missing" is said only where posture says so.
 */
function everythingWords(
  key: KeyEvidence,
  { totals }: AcceptanceIndex,
  { postures }: DeviceAbout,
  settings: AnalyticsSettings,
): string | null {
  const { cut } = key
  const stacks = new Set(key.refusals.map((refusal) => refusal.fact.stack))
  const [stack] = stacks
  const candidates: [string, string][] = [["The device", cut]]
  if (stacks.size === 1 && stack) candidates.push(["The TLS stack", stackKey(cut, stack)])
  for (const [who, at] of candidates) {
    const total = totals.get(at)
    if (!total || total.accepted > 0 || total.refused.size < settings.scope["everything-min"])
      continue
    const last = key.refusals.at(-1)?.start ?? 0
    const trust = postureAt(postures, last, key.group.actor.profile)?.inspection_ca
    const because = trust === "absent" ? " MDM says that the inspection CA is missing." : ""
    return `${who} accepted nothing and refused ${total.refused.size} destinations.${because}`
  }
  return null
}

function sortKey({ evidence }: ScopedKey): string {
  return `${evidence.group.destination} ${actorKey(evidence.group.actor)}`
}

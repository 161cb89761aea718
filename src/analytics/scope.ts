/**
 * The scope verdict: what the evidence of one device means, key by key, before any analytic.
 *
 * In: the joined evidence of a device inside the window, and what else a judgement needs. Out: one
 * judgement per key, in a fixed order. It must not know the clock, the store or alerting.
 */
import type { DeviceEvidence, JudgementContext } from "../record/attributed.ts"
import type { Drift } from "../record/drift.ts"
import type { ScopeJudgement } from "../record/scope-judgement.ts"
import { type AcceptanceIndex, acceptanceIndex, stackKey } from "./acceptance-index.ts"
import { actorKey, groupByKey } from "./actor.ts"
import { driftWords } from "./drift-words.ts"
import { networkWindows } from "./drops.ts"
import { baselineKey, elsewhereKey, elsewhereStackKey } from "./fleet-keys.ts"
import { covers } from "./host-list.ts"
import { toJudgement } from "./judgement.ts"
import { areEnough, type KeyEvidence, keysOfPlace } from "./key-evidence.ts"
import { isPlatformActor, type NamedApp, namedApp } from "./named-app.ts"
import { postureAt } from "./posture-at.ts"
import { conductOfStack, isOperators, type Qualified, qualify } from "./qualify.ts"
import { rotatedNames } from "./rotated-names.ts"
import type { AnalyticsSettings } from "./settings.ts"
import { sightings } from "./sighting.ts"
import { doubtOf } from "./trust-around.ts"
import { type Circumstances, rotatedVerdict, verdictOf } from "./verdict.ts"

/** A judgement with the evidence that the analytics look into. */
export interface ScopedKey {
  judgement: ScopeJudgement
  evidence: KeyEvidence
  /** The destination is on the vendor's do-not-inspect list. */
  platformHost: boolean
  /** Why the refusals may not be about this destination, though they are enough (trust-around.ts). */
  doubt: string | null
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
    network: networkWindows(seen, settings.scope),
    register: new Map(context.register.map((entry) => [entry.id, entry])),
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
  const ordinary = named.filter((each) => !each.platformExpected).map(({ key }) => key)
  return [
    ...named.map((key) => judgeKey(key, index, evidence, context, settings)),
    ...rotatedNames(ordinary, settings.scope).flatMap(
      (key) => judgeDomain(key, index, evidence, context, settings) ?? [],
    ),
  ].sort((a, b) => (sortKey(a) < sortKey(b) ? -1 : 1))
}

interface NamedKey {
  key: KeyEvidence
  app: NamedApp
  platformHost: boolean
  platformExpected: boolean
}

function nameKey(key: KeyEvidence, settings: AnalyticsSettings): NamedKey {
  const app = namedApp(key)
  const platformHost = covers(settings["platform-hosts"], key.group.destination)
  return { key, app, platformHost, platformExpected: platformHost && isPlatformActor(key, app) }
}

function judgeKey(
  { key, app, platformHost, platformExpected }: NamedKey,
  index: AcceptanceIndex,
  evidence: DeviceEvidence,
  context: JudgementContext,
  settings: AnalyticsSettings,
): ScopedKey {
  const platform = evidence.device?.platform ?? "unknown"
  const { destination } = key.group
  const qualified = qualify(key, { index, platform, postures: evidence.postures })
  const doubt = doubtAbout(key, qualified, index, context, settings)
  const circumstances: Circumstances = {
    qualifying: qualified?.qualifying ?? null,
    doubt,
    ceilings: ceilingsOf(key),
    everything: everythingWords(key, index, evidence, settings),
    platformExpected,
    baselined: isBaselined(app.id, destination, context, settings),
    acceptedElsewhere:
      context.accepted_elsewhere.get(elsewhereKey(app.id, app.version, destination)) ?? [],
    sensorFault: context.sensor_fault,
  }
  const verdict = verdictOf(key, circumstances, settings.scope)
  const drift = driftWords(driftsOf(key, context), evidence.device_id)
  const told = { ...verdict, reasons: [...verdict.reasons, ...drift] }
  const judgement = toJudgement(key, platform, app, circumstances, told, evidence.device_id)
  return { judgement, evidence: key, platformHost, doubt }
}

/** A whole domain with names that change: told only where all but the control flow is there. */
function judgeDomain(
  key: KeyEvidence,
  index: AcceptanceIndex,
  evidence: DeviceEvidence,
  context: JudgementContext,
  settings: AnalyticsSettings,
): ScopedKey | null {
  const platform = evidence.device?.platform ?? "unknown"
  const app = namedApp(key)
  const qualified = qualify(key, { index, platform, postures: evidence.postures })
  const names = [...new Set(key.refusals.map(({ destination }) => destination))]
  const isAcceptedElsewhere = names.some((name) =>
    context.accepted_elsewhere.get(elsewhereKey(app.id, app.version, name)),
  )
  if (!qualified || isAcceptedElsewhere || context.sensor_fault) return null
  if (everythingWords(key, index, evidence, settings) !== null) return null
  if (doubtAbout(key, qualified, index, context, settings) !== null) return null
  const { qualifying } = qualified
  const told = rotatedVerdict(key, names.length, qualifying)
  const seen = { qualifying, ceilings: ceilingsOf(key) }
  const judgement = toJudgement(key, platform, app, seen, told, evidence.device_id)
  // No name, so no trial: it would be for one that does not come again.
  return { judgement: { ...judgement, sni: null }, evidence: key, platformHost: false, doubt: null }
}

/** Of an actor that is not known to trust us, its stack's conduct is asked. */
function doubtAbout(
  key: KeyEvidence,
  qualified: Qualified | null,
  index: AcceptanceIndex,
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
    acceptedByStackElsewhere: elsewhere,
  }
  return doubtOf(surroundings, scope)
}

export function isBaselined(
  appId: string | null,
  destination: string,
  context: JudgementContext,
  settings: AnalyticsSettings,
): boolean {
  if (appId === null) return false
  const devices = context.baseline.get(baselineKey(appId, destination)) ?? 0
  return devices >= settings["baseline-devices"]
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
  { postures }: DeviceEvidence,
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

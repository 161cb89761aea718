/**
 * Qualifying acceptance: proof that whoever refuses here trusts our CA, so that the refusal is about
 * this destination and not about the CA.
 *
 * Stricter than it need be, because a false accusation is the worst outcome: the judged domain itself
 * never counts, and an app's acceptance counts only by the stack that refuses (an app may carry a
 * second TLS stack with other anchors).
 */

import type { Attempt } from "../record/attempt.ts"
import type { DeviceEvidence } from "../record/attributed.ts"
import type { Platform } from "../record/common.ts"
import type { ScopeJudgement } from "../record/scope-judgement.ts"
import { type AcceptanceIndex, appKey, type Conduct, stackKey } from "./acceptance-index.ts"
import { covers } from "./host-list.ts"
import type { KeyEvidence } from "./key-evidence.ts"
import { postureAt } from "./posture-at.ts"
import type { AnalyticsSettings } from "./settings.ts"
import type { Sighting } from "./sighting.ts"

/** An app may opt in for single domains, so one accepted domain is not enough. */
const DOMAINS_NEEDED = 2
const NAMED = 20

export type Qualifying = NonNullable<ScopeJudgement["qualifying"]>

export interface QualifyInput {
  index: AcceptanceIndex
  platform: Platform
  postures: DeviceEvidence["postures"]
}

/** Who is known to trust our CA, and how the same actor behaved under the stack of each refusal. */
export interface Qualified {
  qualifying: Qualifying
  conductAt: ConductAt
}

/** What the actor made of our CA under the stack of a refusal. */
export type ConductAt = (refusal: Sighting<Attempt>) => Conduct | undefined

export function qualify(key: KeyEvidence, input: QualifyInput): Qualified | null {
  return byApp(key, input) ?? byProgram(key, input) ?? byStack(key, input)
}

/** The stack's own conduct, whoever used it. */
export function conductOfStack({ cut }: KeyEvidence, { byStack }: AcceptanceIndex): ConductAt {
  return ({ fact }) => byStack.get(stackKey(cut, fact.stack))
}

function byApp(key: KeyEvidence, { index }: QualifyInput): Qualified | null {
  const conductAt = conductOfApp(key, index)
  return conductAt && enough("app", key, conductAt)
}

/**
 * For which other domains the app that was observed to refuse is known to trust us, under the stack of its last
 * refusal: that is what a trial is for. None where MDM says that the CA is missing; at most 20.
 */
export function acceptedByApp(key: KeyEvidence, { index, postures }: QualifyInput): string[] {
  const conductAt = conductOfApp(key, index)
  const last = key.refusals.at(-1)
  if (!conductAt || !last || last.fact.stack === null || !key.observedSuffices) return []
  const trust = postureAt(postures, last.start, key.group.actor.profile)?.inspection_ca
  if (trust === "absent") return []
  return [...proofsOf({ ...key, refusals: [last] }, conductAt).keys()].slice(0, NAMED)
}

function conductOfApp(key: KeyEvidence, { byApp }: AcceptanceIndex): ConductAt | null {
  const { app_id, app_version, profile, kind } = key.group.actor
  if (kind !== "app" || app_id === null) return null
  const cut = `${key.cut}|${profile}`
  return ({ fact }) => byApp.get(appKey(cut, app_id, app_version, fact.stack))
}

/** One CONNECT User-Agent that is no library's, under the stack that refuses; all refusals carry it. */
function byProgram(key: KeyEvidence, { index }: QualifyInput): Qualified | null {
  const programs = new Set(key.refusals.map((refusal) => refusal.program))
  const [program] = programs
  if (programs.size !== 1 || program === null || program === undefined) return null
  return enough("user-agent", key, ({ fact }) =>
    index.byProgram.get(stackKey(key.cut, fact.stack, program)),
  )
}

/**
 * The platform's stack, where MDM says that the CA is trusted for the profile. Never on Android, where
 * each app decides for itself under one stack, nor where the platform is not known.
 */
function byStack(key: KeyEvidence, { index, platform, postures }: QualifyInput): Qualified | null {
  if (platform === "android" || platform === "unknown") return null
  const last = key.refusals.at(-1)
  if (!last) return null
  const trust = postureAt(postures, last.start, key.group.actor.profile)?.inspection_ca
  if (trust !== "system" && trust !== "mdm-trusted") return null
  return enough("stack", key, conductOfStack(key, index))
}

/** Two domains that are not the judged one; at most 20 are named, a browser has hundreds. */
function enough(by: Qualifying["by"], key: KeyEvidence, conductAt: ConductAt): Qualified | null {
  const proofs = proofsOf(key, conductAt)
  if (proofs.size < DOMAINS_NEEDED) return null
  const named = [...proofs].sort(([a], [b]) => (a < b ? -1 : 1)).slice(0, NAMED)
  const qualifying = {
    by,
    domains: named.map(([domain]) => domain),
    ids: named.map(([, id]) => id),
  }
  return { qualifying, conductAt }
}

/** Domains that are not the judged one, each with an acceptance. */
function proofsOf(key: KeyEvidence, conductAt: ConductAt): Map<string, string> {
  const proofs = new Map<string, string>()
  for (const refusal of oneOfEachStack(key)) {
    // The lists are sorted by name, so the first of each are enough for the first of all.
    for (const { domain, id } of (conductAt(refusal)?.domains ?? []).slice(0, NAMED + 1))
      if (domain !== key.group.registrable && !proofs.has(domain)) proofs.set(domain, id)
  }
  return proofs
}

/** A refusal of each stack, in the order of the stacks' names. An unknown stack is nobody's. */
function oneOfEachStack({ refusals }: KeyEvidence): Sighting<Attempt>[] {
  const stacks = new Map<string, Sighting<Attempt>>()
  for (const refusal of refusals)
    if (refusal.fact.stack !== null) stacks.set(refusal.fact.stack, refusal)
  return [...stacks].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, refusal]) => refusal)
}

/** The operator's own domains prove little: an app may trust the CA for these alone. `example.org` and
 * `*.example.org` both name the operator's domain example.org. */
export function isOperators(domain: string, settings: AnalyticsSettings): boolean {
  const own = settings["operator-domains"]
  return covers(own, domain) || covers(own, `any.${domain}`)
}

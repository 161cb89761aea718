/**
 * Qualifying acceptance: proof that whoever refuses here trusts our CA, so that the refusal is about
 * this destination and not about the CA.
 *
 * Stricter than it need be, because a false accusation is the worst outcome: the judged domain itself
 * never counts, and an app's acceptance counts only by the stack that refuses (an app may carry a
 * second TLS stack with other anchors).
 */
import type { DeviceEvidence } from "../record/attributed.ts"
import type { Platform } from "../record/common.ts"
import type { ScopeJudgement } from "../record/scope-judgement.ts"
import { type AcceptanceIndex, appKey, type Domains, stackKey } from "./acceptance-index.ts"
import { cutKey } from "./epoch.ts"
import { covers } from "./host-list.ts"
import type { KeyEvidence } from "./key-evidence.ts"
import { postureAt } from "./posture-at.ts"
import type { AnalyticsSettings } from "./settings.ts"

/** An app may opt in for single domains, so one accepted domain is not enough. */
const DOMAINS_NEEDED = 2

export type Qualifying = NonNullable<ScopeJudgement["qualifying"]>

export interface QualifyInput {
  index: AcceptanceIndex
  platform: Platform
  postures: DeviceEvidence["postures"]
  settings: AnalyticsSettings
}

export function qualifyingAcceptance(key: KeyEvidence, input: QualifyInput): Qualifying | null {
  return byApp(key, input) ?? byProgram(key, input) ?? byStack(key, input)
}

function byApp(key: KeyEvidence, { index, settings }: QualifyInput): Qualifying | null {
  const { app_id, app_version, profile, kind } = key.group.actor
  if (kind !== "app" || app_id === null) return null
  const cut = `${cutKey(key.epoch, key.device)}|${profile}`
  const versions = app_version === null ? [null] : [app_version, null]
  const found = stacksOf(key).flatMap((stack) =>
    versions.map((version) => index.byApp.get(appKey(cut, app_id, version, stack))),
  )
  return enough("app", found, key, settings)
}

/** One CONNECT User-Agent that is no library's, under the stack that refuses; all refusals carry it. */
function byProgram(key: KeyEvidence, { index, settings }: QualifyInput): Qualifying | null {
  const programs = new Set(key.refusals.map((refusal) => refusal.program))
  const [program] = programs
  if (programs.size !== 1 || program === null || program === undefined) return null
  const cut = cutKey(key.epoch, key.device)
  const found = stacksOf(key).map((stack) => index.byProgram.get(stackKey(cut, stack, program)))
  return enough("user-agent", found, key, settings)
}

/**
 * The platform's stack, where MDM says that the CA is trusted for the profile. Never on Android, where
 * each app decides for itself under one stack, nor where the platform is not known.
 */
function byStack(
  key: KeyEvidence,
  { index, platform, postures, settings }: QualifyInput,
): Qualifying | null {
  if (platform === "android" || platform === "unknown") return null
  const last = key.refusals.at(-1)
  if (!last) return null
  const trust = postureAt(postures, last.start, key.group.actor.profile)?.inspection_ca
  if (trust !== "system" && trust !== "mdm-trusted") return null
  const cut = cutKey(key.epoch, key.device)
  const found = stacksOf(key).map((stack) => index.byStack.get(stackKey(cut, stack)))
  return enough("stack", found, key, settings)
}

/** The stacks of the refusals. An unknown stack is nobody's. */
function stacksOf(key: KeyEvidence): string[] {
  const stacks = new Set(key.refusals.map((refusal) => refusal.fact.stack))
  return [...stacks].filter((stack) => stack !== null).sort()
}

function enough(
  by: Qualifying["by"],
  found: readonly (Domains | undefined)[],
  key: KeyEvidence,
  settings: AnalyticsSettings,
): Qualifying | null {
  const ids = new Map<string, string[]>()
  for (const domains of found)
    for (const [domain, acceptances] of domains ?? []) {
      if (domain === key.group.registrable || isOperators(domain, settings)) continue
      ids.set(domain, [...(ids.get(domain) ?? []), ...acceptances])
    }
  if (ids.size < DOMAINS_NEEDED) return null
  const domains = [...ids.keys()].sort()
  // One acceptance of each domain is proof enough; a browser has thousands. At most 20 are named.
  const proof = domains.slice(0, 20).flatMap((domain) => (ids.get(domain) ?? []).slice(0, 1))
  return { by, domains: domains.slice(0, 20), ids: proof }
}

/** `example.org` and `*.example.org` both name the operator's domain example.org. */
function isOperators(domain: string, settings: AnalyticsSettings): boolean {
  const own = settings["operator-domains"]
  return covers(own, domain) || covers(own, `any.${domain}`)
}

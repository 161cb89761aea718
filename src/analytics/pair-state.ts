/**
 * What is known of a judged key's pair of app and destination. In: the key's evidence, and what the
 * fleet and persons say of the pair. Out: whether it is baseline and why, and what has become different of
 * it. Asked only where it decides something: it is looked up for each device.
 */
import type { App } from "../record/app.ts"
import type { JudgementContext } from "../record/attributed.ts"
import type { Platform } from "../record/common.ts"
import { type Drift, pairEntryId } from "../record/drift.ts"
import type { Finding, ScopeVerdict } from "../record/finding.ts"
import type { PairSeen } from "../record/pair-seen.ts"
import { allowedDestinations } from "./allowed-lists.ts"
import { coversAny } from "./host-list.ts"
import type { KeyEvidence } from "./key-evidence.ts"
import type { NamedApp } from "./named-app.ts"
import { driftOf, type PairDrift } from "./pair-drift.ts"
import type { AnalyticsSettings } from "./settings.ts"
import type { Sighting } from "./sighting.ts"
import { stableId } from "./stable-id.ts"

export interface Pair {
  evidence: KeyEvidence
  app: Pick<NamedApp, "id" | "version" | "signer">
  destination: string
  platform: Platform
  /** Null while it is not known yet. */
  verdict: ScopeVerdict | null
}

/** In words why the destination is baseline of the app; null if it is not. What a person removed is
 * none, whatever is declared or learned; what has drifted is no longer what was known. `byRegister`:
 * what the app register approves counts too; it approves use, and no pin. */
export function baselineOf(
  pair: Pair,
  context: JudgementContext,
  settings: AnalyticsSettings,
  { byRegister = true } = {},
): string | null {
  const { app, destination, platform } = pair
  if (app.id === null) return null
  const question = { app_id: app.id, destination, signer: app.signer }
  const standing = context.baselines.standing(question)
  if (standing.is === "removed") return null
  if (standing.is === "added") return standing.why
  const { apps } = byRegister ? context : { apps: [] }
  const declared = isDeclared(app.id, destination, platform, apps, settings)
  if (!declared && standing.is === "missing") return null
  if (driftOfPair(pair, context).length > 0) return null
  return declared ? "declared: approved for the app" : standing.why
}

/** Learned, or added by a person. */
export function isBaselinePair(
  { app, destination }: Pair,
  { baselines }: JudgementContext,
): boolean {
  if (app.id === null) return false
  const { is } = baselines.standing({ app_id: app.id, destination, signer: app.signer })
  return is === "learned" || is === "added"
}

/** Approved for the app, by the list of its platform's analytic or by the app register. */
function isDeclared(
  appId: string,
  destination: string,
  platform: Platform,
  apps: readonly App[],
  settings: AnalyticsSettings,
): boolean {
  const lists = { android: settings.AN1725, ios: settings.AN1726, other: null, unknown: null }
  const listed = lists[platform] === null ? [] : allowedDestinations(appId, lists[platform])
  const registered = apps
    .filter((entry) => entry.app_id === appId && entry.platform === platform)
    .map((entry) => entry.approved_destinations)
  return coversAny([...listed, ...registered], destination)
}

/** What is different from when the pair was known; none where too little was known. */
export function driftOfPair(
  { evidence, app, destination, verdict }: Pair,
  { baselines, now }: JudgementContext,
): PairDrift[] {
  if (app.id === null) return []
  const stacks = [...evidence.group.stacks].sort()
  const before = baselines.before({
    app_id: app.id,
    destination,
    signer: app.signer,
    stacks,
  })
  if (before === null) return []
  const { bytes, connections } = onDayOf(now, evidence)
  const seen: PairSeen = {
    app_version: app.version,
    signer: app.signer,
    stacks,
    registrable_domain: before.seen.registrable_domain,
    verdict: verdict ?? before.seen.verdict,
    background: null,
    // The day's volume is news of the device that made most of it.
    bytes_a_day: bytes * 2 > before.bytes_today ? before.bytes_today : null,
    connections_a_day: connections * 2 > before.connections_today ? before.connections_today : null,
  }
  return driftOf(before.seen, seen)
}

const beginning = "No longer as it was known: "

/** For a finding's reasons. */
export function pairDriftWords(drifts: readonly PairDrift[]): string[] {
  return drifts.map(({ what, before, now }) => `${beginning}${what} ${now} (before: ${before}).`)
}

/** Flows and attempts that a record of drift names. */
const mostIds = 20

/** As records: the same for the same news, so that each is stored once. A day's volume grows with the
 * day, and is one piece of news. */
export function driftRecords(
  { app, destination, evidence }: Pair,
  drifts: readonly PairDrift[],
  { tenant, site, sensor_id, key, last_seen }: Finding,
): Drift[] {
  const seen = [...evidence.attempts, ...evidence.flows].slice(-mostIds)
  return drifts.map(({ what, before, now }) => ({
    tenant,
    site,
    sensor_id,
    v: 1,
    id: stableId([
      ...[tenant, "pair", app.id ?? "", destination, what],
      what === "volume" ? last_seen.slice(0, 10) : now,
    ]),
    observed_at: last_seen,
    entry_id: pairEntryId(app.id ?? "", destination),
    sign: what,
    was: before,
    now,
    device_id: key.device_id,
    evidence_ids: seen.map(({ id }) => id),
  }))
}

/** Of attempts only the bytes that an accepted one decrypted are known, and few are: they count as
 * connections. */
function onDayOf(
  now: number,
  { attempts, flows }: KeyEvidence,
): { bytes: number; connections: number } {
  const day = Math.floor(now / 86_400_000) * 86_400_000
  const today = ({ start }: Sighting) => start >= day
  const flowsToday = flows.filter(today)
  const bytes = flowsToday.reduce((sum, { fact }) => sum + fact.client_bytes + fact.server_bytes, 0)
  return { bytes, connections: flowsToday.length + attempts.filter(today).length }
}

/** Every pair of app and destination that was seen or spoken of, and how it stands. */
import { allowedDestinations } from "../../analytics/allowed-lists.ts"
import { learnedSince, lessonOf, standingOf } from "../../analytics/baseline.ts"
import type { BaselineStatements } from "../../analytics/baseline-statements.ts"
import { coversAny } from "../../analytics/host-list.ts"
import type { Config } from "../../config.ts"
import type { Store } from "../../evidence/store.ts"
import type { App } from "../../record/app.ts"
import { PairProfile } from "../../record/pair-profile.ts"
import { statementsIn } from "./statements.ts"

export const ways = ["learned", "added", "declared", "removed", "missing"] as const
export type Way = (typeof ways)[number]

/** One line of the list, as `--json` prints it. */
export interface KnownPair {
  app_id: string
  destination: string
  baseline: boolean
  /** How it got there; `missing`: it did not, and `why` says what is missing. */
  by: Way
  why: string
  since: string | null
  devices: number
  days: number
  last_seen: string | null
  accepted_by: number
  refused_by: number
}

export interface PairSource {
  store: Store
  config: Config
  /** Epoch milliseconds. */
  now: number
}

/** Seen ones by app and destination, then those that were only spoken of. */
export function* knownPairs(source: PairSource, appId: string | null): Generator<KnownPair> {
  const { store, config } = source
  const said = statementsIn(store, config.tenant)
  const apps = Map.groupBy(store.current("apps"), ({ app_id }) => app_id)
  const spoken = new Set<string>()
  const isWanted = (app: string | null): app is string =>
    app !== null && (appId === null || app === appId)
  for (const change of said.all())
    if (isWanted(change.app_id) && change.what !== "withdrawn")
      spoken.add(`${change.app_id} ${change.destination}`)
  for (const body of store.pairProfiles(config.tenant, appId)) {
    const parsed = PairProfile.safeParse(body)
    if (!parsed.success) continue
    const { app_id, destination } = parsed.data
    spoken.delete(`${app_id} ${destination}`)
    const registered = apps.get(app_id) ?? []
    yield knownPair(source, said, { app_id, destination }, parsed.data, registered)
  }
  for (const change of said.all()) {
    const { app_id, destination } = change
    if (!isWanted(app_id) || destination === null || !spoken.has(`${app_id} ${destination}`))
      continue
    yield knownPair(source, said, { app_id, destination }, null, apps.get(app_id) ?? [])
  }
}

export function knownPair(
  { config, now }: PairSource,
  said: BaselineStatements,
  { app_id, destination }: { app_id: string; destination: string },
  pair: PairProfile | null,
  registered: readonly App[],
): KnownPair {
  const rule = config.analytics.baseline
  const question = { app_id, destination, signer: null }
  const at = { pair, statements: said, rule, at: now, but: null }
  const standing = standingOf({ ...question, ...at })
  const until = said.learnedUntil(app_id, now)
  const lesson = pair && lessonOf(pair, rule, until, null)
  const statement = said.of(app_id, destination, now)
  const declared =
    standing.is === "removed" ? null : declaredBy(app_id, destination, config, registered)
  const isDeclared = standing.is === "missing" && declared !== null
  const learned = pair && standing.is === "learned" ? learnedSince(pair, rule, until) : null
  return {
    app_id,
    destination,
    baseline: isDeclared || standing.is === "learned" || standing.is === "added",
    by: isDeclared ? "declared" : standing.is,
    why: isDeclared ? declared : standing.why,
    since: statement?.observed_at ?? isoOrNull(learned),
    devices: lesson?.devices ?? 0,
    days: lesson?.days ?? 0,
    last_seen: isoOrNull(pair?.last_ms ?? null),
    accepted_by: lesson?.accepted ?? 0,
    refused_by: lesson?.refused ?? 0,
  }
}

function declaredBy(
  appId: string,
  destination: string,
  { analytics }: Config,
  registered: readonly App[],
): string | null {
  const { AN1725, AN1726 } = analytics
  for (const [name, lists] of Object.entries({ AN1725, AN1726 }))
    if (coversAny(allowedDestinations(appId, lists), destination))
      return `declared in ${name}.AllowedDestinationList`
  const entry = registered.find((app) => coversAny([app.approved_destinations], destination))
  return entry ? `declared in the app register (${entry.platform}, ${entry.id})` : null
}

function isoOrNull(ms: number | null): string | null {
  return ms === null || !Number.isFinite(ms) ? null : new Date(ms).toISOString()
}

/**
 * What the sensor does not see, and how much that is. In: counts of connections, what is known of
 * devices, sources and apps, and what the operator accepted. Out: gaps with shares, the widest over its
 * threshold first. It must not know where the counts come from.
 */
import type { CoverageAcceptance, GapName } from "../record/coverage-gap.ts"
import type { CoverageSettings } from "./coverage-settings.ts"

export interface Count {
  connections: number
  bytes: number
}

/** A device of inventory, as coverage asks for it. */
export interface CoveredDevice {
  device_id: string
  platform: string
  /** What MDM last said; null: nothing. */
  managed: boolean | null
  /** Last connection, last event of an agent, and when a sweep of an MDM last listed it (null: never), in
   * epoch milliseconds. */
  traffic_ms: number | null
  event_ms: number | null
  listed_ms: number | null
}

export interface CoverageInput {
  /** Of the window, by the words of coverage-counts.ts. */
  counts: ReadonlyMap<string, Count>
  devices: readonly CoveredDevice[]
  /** Sources that are configured or were, with the time of their last good answer. */
  sources: readonly { name: string; last_ok_ms: number | null }[]
  /** Managed apps by MDM, as `platform app_id`; and those of them that are declared. */
  managed_apps: ReadonlySet<string>
  declared_apps: ReadonlySet<string>
  acceptances: readonly CoverageAcceptance[]
  settings: CoverageSettings
  /** End of the window, in epoch milliseconds. */
  now: number
}

export interface Gap {
  gap: GapName
  /** The platform, source or cause; null where it has no parts. */
  part: string | null
  count: number
  of: number
  share: number
  threshold: number
  /** Past the threshold, and nobody accepted it. */
  open: boolean
  /** There was too little to judge by: its share says nothing. */
  few: boolean
  accepted: CoverageAcceptance | null
  /** Some of what is meant, by name: at most ten. */
  examples: string[]
}

const mostExamples = 10

/** Of all gaps, also those that are empty: what is not missing is worth knowing too. */
export function coverage(input: CoverageInput): Gap[] {
  return [...ofConnections(input), ...ofDevices(input), ...ofSources(input), ...ofApps(input)].sort(
    (a, b) => Number(b.open) - Number(a.open) || b.share - b.threshold - (a.share - a.threshold),
  )
}

function ofConnections(input: CoverageInput): Gap[] {
  const { counts } = input
  const connections = (...words: string[]) =>
    words.reduce((sum, word) => sum + (counts.get(word)?.connections ?? 0), 0)
  const all = connections("all")
  const opaque = [...counts].filter(([word]) => word.startsWith("opaque:"))
  const bytes =
    (counts.get("inspected")?.bytes ?? 0) + opaque.reduce((sum, [, { bytes }]) => sum + bytes, 0)
  return [
    gap(input, "unbound", null, connections("absent", "ambiguous", "shared"), all),
    gap(input, "unknown-app", null, connections("app:unknown"), all),
    gap(input, "no-sni", null, connections("no-sni"), all),
    gap(input, "ech", null, connections("ech"), all),
    gap(input, "quic", null, connections("quic"), all),
    ...opaque.map(([word, count]) =>
      gap(input, "not-inspected", word.slice("opaque:".length), count.bytes, bytes, [], all),
    ),
  ]
}

function ofDevices(input: CoverageInput): Gap[] {
  const { devices, settings, now } = input
  const since = now - settings.window
  const active = devices.filter(({ traffic_ms }) => traffic_ms !== null && traffic_ms >= since)
  const managed = devices.filter((device) => device.managed === true)
  const old = now - 3 * settings["stale-after"]
  const listed = devices.filter(({ listed_ms }) => listed_ms !== null)
  const platforms = Map.groupBy(active, ({ platform }) => platform)
  const of = (name: GapName, part: string | null, missing: CoveredDevice[], all: CoveredDevice[]) =>
    gap(
      input,
      name,
      part,
      missing.length,
      all.length,
      missing.map(({ device_id }) => device_id),
    )
  return [
    of(
      "unmanaged",
      null,
      active.filter((device) => device.managed !== true),
      active,
    ),
    of(
      "unseen",
      null,
      managed.filter(({ traffic_ms }) => (traffic_ms ?? 0) < since),
      managed,
    ),
    of(
      "stale-posture",
      null,
      listed.filter(({ listed_ms }) => (listed_ms ?? 0) < old),
      listed,
    ),
    ...[...platforms].map(([platform, all]) =>
      of(
        "no-telemetry",
        platform,
        all.filter(({ event_ms }) => (event_ms ?? 0) < since),
        all,
      ),
    ),
  ]
}

function ofSources(input: CoverageInput): Gap[] {
  const { sources, settings, now } = input
  const silent = sources.filter(
    ({ last_ok_ms }) => (last_ok_ms ?? 0) < now - settings["stale-after"],
  )
  return silent.map(({ name }) => gap(input, "stale-source", name, 1, 1, [], settings["at-least"]))
}

function ofApps(input: CoverageInput): Gap[] {
  const { managed_apps, declared_apps } = input
  const undeclared = [...managed_apps].filter((app) => !declared_apps.has(app)).sort()
  const { length } = undeclared
  return [gap(input, "undeclared-app", null, length, managed_apps.size, undeclared)]
}

/** `seen`: how much there was to judge by, where that is not `of`. */
function gap(
  input: CoverageInput,
  name: GapName,
  part: string | null,
  count: number,
  of: number,
  examples: string[] = [],
  seen = of,
): Gap {
  const { settings } = input
  const share = of === 0 ? 0 : count / of
  const threshold = settings.thresholds[name]
  const accepted = acceptanceOf(input, name, part)
  const few = seen < settings["at-least"]
  const over = share > threshold && !few
  return {
    gap: name,
    part,
    count,
    of,
    share,
    threshold,
    open: over && accepted === null,
    few,
    accepted,
    examples: examples.slice(0, mostExamples),
  }
}

/** What was said last of this part, or of the gap in all its parts; until it is due for review. */
function acceptanceOf(
  { acceptances, now }: CoverageInput,
  name: GapName,
  part: string | null,
): CoverageAcceptance | null {
  const own = acceptanceInForce(acceptances, name, part, now)
  return own ?? (part === null ? null : acceptanceInForce(acceptances, name, null, now))
}

/** Of exactly this scope: a part, or (null) the gap as a whole. */
export function acceptanceInForce(
  acceptances: readonly CoverageAcceptance[],
  name: GapName,
  part: string | null,
  now: number,
): CoverageAcceptance | null {
  const last = acceptances
    .filter((one) => one.gap === name && one.part === part)
    .reduce<CoverageAcceptance | null>(
      (best, one) => (best && !isLater(one, best) ? best : one),
      null,
    )
  return last && !last.withdrawn && Date.parse(last.review_at) > now ? last : null
}

function isLater(one: CoverageAcceptance, other: CoverageAcceptance): boolean {
  if (one.observed_at !== other.observed_at) return one.observed_at > other.observed_at
  return one.id > other.id
}

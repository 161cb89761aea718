/**
 * Which settings hold for a key: those of the first override, in the order of the configuration, that
 * covers its app, a group of its device and its platform; else the general ones. One override decides
 * alone, so that what holds can be read off one place. What it costs does not grow with the overrides.
 */
import type { Platform } from "../record/common.ts"
import type { AnalyticsSettings } from "./settings.ts"

export interface Tuned {
  settings: AnalyticsSettings
  /** Name of the override; null: the general settings hold. */
  override: string | null
}

export interface TunedFor {
  /** Null where no app was observed. */
  app_id: string | null
  groups: readonly string[]
  platform: Platform
}

interface Index {
  general: Tuned
  /** `app|group|platform` -> number of the first override with it; "*" stands for any. */
  first: ReadonlyMap<string, number>
  tuned: readonly Tuned[]
}

/** Goes with the settings, so it needs no bound of its own. */
const indexes = new WeakMap<AnalyticsSettings, Index>()

export function tunedFor(settings: AnalyticsSettings, whose: TunedFor): Tuned {
  let index = indexes.get(settings)
  if (!index) {
    index = indexOf(settings)
    indexes.set(settings, index)
  }
  if (index.tuned.length === 0) return index.general
  const { app_id, groups, platform } = whose
  let least = Number.POSITIVE_INFINITY
  for (const app of app_id === null ? ["*"] : [app_id, "*"])
    for (const group of [...groups, "*"])
      for (const on of [platform, "*"]) {
        const found = index.first.get(keyOf(app, group, on))
        if (found !== undefined && found < least) least = found
      }
  return index.tuned[least] ?? index.general
}

/** In words, for a finding's reasons; null where the general settings hold. */
export function overrideWords({ override }: Tuned): string | null {
  return override === null ? null : `Judged by the override ${override} (analytics.overrides).`
}

function indexOf(settings: AnalyticsSettings): Index {
  const first = new Map<string, number>()
  const tuned = settings.overrides.map((override, number): Tuned => {
    const { app, apps, group, groups, platform, set, name } = override
    for (const anApp of apps ?? [app ?? "*"])
      for (const aGroup of groups ?? [group ?? "*"]) {
        const key = keyOf(anApp, aGroup, platform ?? "*")
        if (!first.has(key)) first.set(key, number)
      }
    return { settings: changed(settings, set), override: name }
  })
  return { general: { settings, override: null }, first, tuned }
}

function changed(
  settings: AnalyticsSettings,
  { scope, AN1725, AN1726 }: AnalyticsSettings["overrides"][number]["set"],
): AnalyticsSettings {
  return {
    ...settings,
    scope: laidOver(settings.scope, scope),
    AN1725: laidOver(settings.AN1725, AN1725),
    AN1726: laidOver(settings.AN1726, AN1726),
  }
}

/** Keys that are not given stay; a list that is given takes the place of the general one. */
function laidOver<Settings extends object>(general: Settings, over: object | undefined): Settings {
  const given = Object.entries(over ?? {}).filter(([, value]) => value !== undefined)
  return given.length === 0 ? general : { ...general, ...Object.fromEntries(given) }
}

/** Names may hold any character, so they are told apart by their lengths too. */
function keyOf(app: string, group: string, platform: string): string {
  return `${app.length}|${app}|${group}|${platform}`
}

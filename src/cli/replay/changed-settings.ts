/**
 * `--set KEY=VALUE`: other settings for a replay. In: the configuration and what is to be set. Out:
 * the configuration with it, or an error that names keys like the one that is unknown.
 */
import { parse } from "yaml"
import { z } from "zod"
import { AnalyticsSettings } from "../../analytics/settings.ts"
import { Config } from "../../config.ts"
import { shownSettings } from "../shown-config.ts"

export interface SetKey {
  /** As the configuration file has it: `analytics.scope.refusals`. */
  key: string
  /** As the configuration file would write it. */
  was: unknown
  now: unknown
}

/** What a replay can judge by again: all else shaped the facts, which are what they are. */
const roots = { analytics: Config.shape.analytics, "fast-window": Config.shape["fast-window"] }

export function withSettings(
  config: Config,
  sets: readonly string[],
): { config: Config; changed: SetKey[] } {
  const changed = { ...config, analytics: structuredClone(config.analytics) }
  changed["fast-window"] = { ...config["fast-window"] }
  const keys = sets.map((text) => setOne(changed, text))
  return { config: changed, changed: keys }
}

function setOne(config: Config, text: string): SetKey {
  const equals = text.indexOf("=")
  if (equals < 1) throw new Error(`--set ${text}: write KEY=VALUE, as in --set scope.refusals=4`)
  const name = text.slice(0, equals).trim()
  const below = overrideNamed(config, name)
  if (below) return setOverride(config, text, below)
  const [key, schema] = settingNamed(name)
  const value = readValue(text, schema)
  const path = key.split(".")
  const last = path.pop() ?? ""
  const parent = path.reduce<unknown>((at, part) => Reflect.get(Object(at), part), config)
  const was = shownSettings(schema, Reflect.get(Object(parent), last))
  Reflect.set(Object(parent), last, value)
  return { key, was, now: shownSettings(schema, value) }
}

/** `overrides.NAME.AN1725.TimeWindow`: a key of the override of that name. */
function overrideNamed(config: Config, name: string): [override: string, key: string] | null {
  const [, override, key] = /^(?:analytics\.)?overrides\.([^.]+)\.(.+)$/.exec(name) ?? []
  if (override === undefined || key === undefined) return null
  const names = config.analytics.overrides.map((each) => each.name)
  if (names.includes(override)) return [override, key.replace(/^set\./, "")]
  const known = names.length === 0 ? "there are none" : `there are ${names.slice(0, 5).join(", ")}`
  throw new Error(`--set ${name}: the configuration has no override ${override}; ${known}`)
}

/** Set through the schema of the whole list, so that what may not differ is refused here too. */
function setOverride(config: Config, text: string, [name, key]: [string, string]): SetKey {
  const schema = AnalyticsSettings.shape.overrides
  const shown = shownSettings(schema, config.analytics.overrides) as ShownOverride[]
  const override = shown.find((each) => each.name === name)
  const [part = "", setting = "", ...more] = key.split(".")
  if (!override || more.length > 0 || setting === "")
    throw new Error(`--set ${text}: write overrides.${name}.AN1725.TimeWindow=5m, or the like`)
  const was = override.set[part]?.[setting]
  override.set[part] = { ...override.set[part], [setting]: written(text) }
  const parsed = schema.safeParse(shown)
  if (!parsed.success) throw new Error(`--set ${text}: ${z.prettifyError(parsed.error)}`)
  config.analytics.overrides = parsed.data
  const now = (shownSettings(schema, parsed.data) as ShownOverride[]).find(
    (each) => each.name === name,
  )
  return { key: `analytics.overrides.${name}.${key}`, was, now: now?.set[part]?.[setting] }
}

interface ShownOverride {
  name: string
  set: Record<string, Record<string, unknown> | undefined>
}

/** As YAML reads it, else the text itself. */
function written(text: string): unknown {
  const value = text.slice(text.indexOf("=") + 1).trim()
  try {
    return parse(value)
  } catch {
    return value
  }
}

function readValue(text: string, schema: z.ZodType): unknown {
  const parsed = schema.safeParse(written(text))
  if (parsed.success) return parsed.data
  throw new Error(`--set ${text}: ${z.prettifyError(parsed.error)}`)
}

/** `analytics.` may be left out: it is what is set most. */
function settingNamed(name: string): [string, z.ZodType] {
  const settings = new Map(
    Object.entries(roots).flatMap(([root, schema]) => settingsBelow(root, schema)),
  )
  for (const key of [name, `analytics.${name}`]) {
    const schema = settings.get(key)
    if (schema) return [key, schema]
  }
  const keys = [...settings.keys()].map((key) => key.replace(/^analytics\./, ""))
  const below = keys.filter((key) => key.startsWith(`${name.replace(/^analytics\./, "")}.`))
  const near = below.length > 0 ? below : nearest(name.replace(/^analytics\./, ""), keys)
  throw new Error(
    `--set ${name}: there is no such setting to judge by; ` +
      `${below.length > 0 ? "set one of" : "near it are"} ${near.join(", ")} (docs/configuration.md has them all)`,
  )
}

/** Every setting that can be set, with what checks it. */
function settingsBelow(key: string, schema: z.ZodType): [string, z.ZodType][] {
  const bare = unwrapped(schema)
  if (!(bare instanceof z.ZodObject)) return [[key, bare]]
  return Object.entries(bare.shape).flatMap(([part, inner]) =>
    settingsBelow(`${key}.${part}`, inner as z.ZodType),
  )
}

function unwrapped(schema: z.ZodType): z.ZodType {
  return schema instanceof z.ZodDefault || schema instanceof z.ZodPrefault
    ? unwrapped(schema.unwrap() as z.ZodType)
    : schema
}

/** All keys that can be set, as `--set` takes them. */
export function settableKeys(): string[] {
  return Object.entries(roots)
    .flatMap(([root, schema]) => settingsBelow(root, schema))
    .map(([key]) => key.replace(/^analytics\./, ""))
}

function nearest(name: string, keys: readonly string[]): string[] {
  const wanted = name.toLowerCase()
  const last = (key: string) => key.slice(key.lastIndexOf(".") + 1)
  return keys
    .map((key) => {
      const lower = key.toLowerCase()
      // A name given without its group is meant as often as one that is misspelt.
      const far = Math.min(distance(wanted, lower), distance(last(wanted), last(lower)) + 0.5)
      return { key, far }
    })
    .sort((a, b) => a.far - b.far)
    .slice(0, 3)
    .map(({ key }) => key)
}

/** Levenshtein's. */
function distance(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, index) => index)
  for (const [i, letter] of [...a].entries()) {
    const next = [i + 1]
    for (const [j, other] of [...b].entries())
      next.push(
        Math.min(
          (next[j] ?? 0) + 1,
          (row[j + 1] ?? 0) + 1,
          (row[j] ?? 0) + (letter === other ? 0 : 1),
        ),
      )
    row = next
  }
  return row[b.length] ?? 0
}

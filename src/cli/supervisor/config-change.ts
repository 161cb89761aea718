/** How two configurations differ: what of that a running sensor takes over, and what it does not. */
import { isDeepStrictEqual } from "node:util"
import type { Config } from "../../config.ts"

/** At most so many names of one sort are told. */
const told = 50

/** Names of rules; of lists; keys of `control` and of `privacy`. */
export interface PolicyChange {
  added: readonly string[]
  changed: readonly string[]
  removed: readonly string[]
  /** Rules that both have stand in another order. */
  reordered: boolean
  lists: readonly string[]
  control: readonly string[]
  privacy: readonly string[]
}

/** This configuration with the policy of another. */
export function withPolicyOf(config: Config, from: Config): Config {
  const { rules, control, lists, privacy } = from
  return { ...config, rules, control, lists, privacy }
}

export function policyChange(before: Config, after: Config): PolicyChange {
  const old = new Map(before.rules.map((rule) => [rule.name, rule]))
  const now = new Set(after.rules.map(({ name }) => name))
  const kept = after.rules.filter(({ name }) => old.has(name))
  const names = (rules: readonly { name: string }[]) => some(rules.map(({ name }) => name))
  const stayed = before.rules.filter(({ name }) => now.has(name))
  return {
    added: names(after.rules.filter(({ name }) => !old.has(name))),
    changed: names(kept.filter((rule) => !isDeepStrictEqual(rule, old.get(rule.name)))),
    removed: names(before.rules.filter(({ name }) => !now.has(name))),
    reordered: kept.some(({ name }, index) => name !== stayed[index]?.name),
    lists: some(differing(before.lists, after.lists)),
    control: some(differing(before.control, after.control)),
    privacy: some(differing(before.privacy, after.privacy)),
  }
}

/** Keys, with those above them, whose change waits for the next start: `limits.drain-time`. */
export function keysForRestart(before: Config, after: Config): string[] {
  return some(differing(before, withPolicyOf(after, before), ""))
}

/** `path`: of the keys above; null: what is below a key is not told apart. */
function differing(before: object, after: object, path: string | null = null): string[] {
  const keys = new Set([...Object.keys(before), ...Object.keys(after)])
  return [...keys].flatMap((key) => {
    const [old, now] = [Reflect.get(before, key), Reflect.get(after, key)]
    if (isDeepStrictEqual(old, now)) return []
    const name = `${path ?? ""}${key}`
    if (path === null || !isRecord(old) || !isRecord(now)) return [name]
    return differing(old, now, `${name}.`)
  })
}

function isRecord(value: unknown): value is object {
  return typeof value === "object" && value !== null && !Array.isArray(value)
}

function some(names: readonly string[]): string[] {
  if (names.length <= told) return [...names]
  return [...names.slice(0, told), `and ${names.length - told} more`]
}

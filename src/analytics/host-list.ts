/** Host patterns of a setting or a record, compiled once for each list. */
import { type HostPattern, matchesHost, parseHostPattern } from "../record/host-pattern.ts"
import { hostOf } from "./destination.ts"

/** A cache by the list's identity: it goes with the list, so it needs no bound of its own. */
const compiled = new WeakMap<readonly string[], HostPattern[]>()

/** Whether a destination (name, or address with port) is covered by one of the patterns. Lists in
 * records are free text: what is no pattern covers nothing. */
export function covers(patterns: readonly string[], destination: string): boolean {
  if (patterns.length === 0) return false
  let parsed = compiled.get(patterns)
  if (!parsed) {
    parsed = patterns.flatMap((text) => readPattern(text))
    compiled.set(patterns, parsed)
  }
  const host = hostOf(destination)
  return parsed.some((pattern) => matchesHost(pattern, host))
}

export function coversAny(lists: readonly (readonly string[])[], destination: string): boolean {
  return lists.some((patterns) => covers(patterns, destination))
}

function readPattern(text: string): HostPattern[] {
  try {
    return [parseHostPattern(text)]
  } catch {
    return []
  }
}

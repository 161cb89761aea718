/** Host patterns of a setting or a record, compiled once for each list, and asked once for each host. */
import { type HostPattern, matchesHost, parseHostPattern } from "../record/host-pattern.ts"
import { hostOf } from "./destination.ts"

interface Compiled {
  patterns: readonly HostPattern[]
  /** Destinations that were asked for, at most `mostAnswers`. */
  answers: Map<string, boolean>
}

/** Answers kept of one list, 150 bytes each; beyond it all are forgotten. To be asked again costs a quarter of a
 * microsecond for each pattern, so only of long lists, which are few, is it worth it. */
const mostAnswers = 2_000
const long = 8

/** A cache by the list's identity: it goes with the list. */
const compiled = new WeakMap<readonly string[], Compiled>()

/** Whether a destination (name, or address with port) is covered by one of the patterns. Lists in
 * records are free text: what is no pattern covers nothing. */
export function covers(patterns: readonly string[], destination: string): boolean {
  if (patterns.length === 0) return false
  let list = compiled.get(patterns)
  if (!list) {
    list = { patterns: patterns.flatMap((text) => readPattern(text)), answers: new Map() }
    compiled.set(patterns, list)
  }
  const known = list.answers.get(destination)
  if (known !== undefined) return known
  const host = hostOf(destination)
  const answer = list.patterns.some((pattern) => matchesHost(pattern, host))
  if (list.patterns.length < long) return answer
  if (list.answers.size >= mostAnswers) list.answers.clear()
  list.answers.set(destination, answer)
  return answer
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

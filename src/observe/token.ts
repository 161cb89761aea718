/** The phases of an attempt in one compact word for logs. */
import type { AttemptFacts } from "../record/attempt.ts"

const letters = [
  ["hello", "H"],
  ["certificate", "C"],
  ["delivered", "D"],
  ["finished", "F"],
  ["first_data", "A"],
] as const

/**
 * One letter for each phase reached (H hello, C certificate, D delivered, F finished, A application
 * data; `.` where it was not), then the alert, then the end and whose it was:
 * `HCD..a48|rst:client`, `HCDFA|fin:client`, `HCDF.|fin:client`.
 */
export function attemptToken(facts: AttemptFacts): string {
  const phases = letters.map(([phase, letter]) => (facts.phases[phase] ? letter : ".")).join("")
  const alert = facts.alert === null ? "" : `a${facts.alert}`
  return `${phases}${alert}|${facts.end}:${facts.ended_by ?? "open"}`
}

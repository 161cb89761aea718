/** A rule in one line of words, for `pinsensor policy list`. In: a rule. Out: text. It must not know connections. */
import { compileConditions } from "./conditions.ts"
import { opens } from "./prepare.ts"
import type { Rule } from "./settings.ts"

/** What it does, when, and who answers for it; of each condition at most eight values. */
export function describeRule(rule: Rule): string {
  const { name, when, do: does, cause, origin, owner, reason, review } = rule
  const asked = compileConditions(when, opens(rule) ? "own" : "any").map(({ asks }) => asks)
  const origins = Object.entries(origin ?? {}).map(([fault, choice]) => `${fault} ${choice}`)
  const parts = [
    `${name}: ${does}${does === "splice" ? ` (${cause ?? "operator"})` : ""}`,
    asked.length > 0 ? `if ${asked.join(", and ")}` : "everything",
    ...(origins.length > 0 ? [`with origins: ${origins.join(", ")}`] : []),
  ]
  const answers = [
    ...(owner === undefined ? [] : [`owner ${owner}`]),
    ...(reason === undefined ? [] : [`reason: ${reason}`]),
    ...(review === undefined ? [] : [`review ${review}`]),
  ]
  return [parts.join(" "), ...answers].join("; ")
}

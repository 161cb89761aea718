/**
 * The id under which the register knows what has let a connection pass unread. In: a decision. Out: the
 * id of an entry, made by hand, learned or declared by the configuration; null for what is not spliced.
 */
import type { Decision } from "../decide.ts"
import type { OriginChoices } from "../origin-choice.ts"

/** Settings that splice where no rule has decided so, by the name that their decisions carry. */
const settings = new Map([
  ["ca-expired", "setting:ca.on-expired"],
  ["overload", "setting:overload.do"],
  ["personal-device", "setting:privacy.personal-devices"],
])

export function bypassIdOf(decision: Decision): string | null {
  if (decision.do !== "splice") return null
  const { bypass, register_entry, rule } = decision
  if (bypass !== undefined) return bypass
  if (register_entry !== null) return register_entry
  return settings.get(rule) ?? (rule.startsWith("list:") ? rule : ruleId(rule))
}

/** Of an origin that was found to be no good: opened by the rule that decided, if that says so of
 * this very fault, else by the setting for all. */
export function originBypassId(
  { rule, origin }: Pick<Decision, "rule" | "origin">,
  key: keyof OriginChoices,
): string {
  return origin?.[key] === undefined ? `setting:origin.${key}` : ruleId(rule)
}

function ruleId(name: string): string {
  return `rule:${name}`
}

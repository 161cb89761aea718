/**
 * What of a policy is allowed and probably not meant. In: settings. Out: one line of words each. It must
 * not know connections, and does not prove much: only the plain cases are told.
 */
import { opens } from "./prepare.ts"
import type { Conditions, ControlSettings, ListSettings, Rule } from "./settings.ts"
import { listStandings } from "./shipped-lists.ts"

export interface Warned {
  rules: readonly Rule[]
  control: ControlSettings
  lists: Readonly<Record<string, ListSettings>>
}

export function policyWarnings({ rules, control, lists }: Warned): string[] {
  return [...neverReached(rules), ...unanswered(rules), ...notInForce(lists, control)]
}

/** Names of device groups that policy asks for. */
export function groupsNamed({ rules, control }: Warned): Set<string> {
  const ofRules = rules.flatMap(({ when }) => when["device-group"] ?? [])
  return new Set([...ofRules, ...control.groups.map(({ group }) => group)])
}

/** A rule behind one without conditions, or behind one with the same. */
function neverReached(rules: readonly Rule[]): string[] {
  const open = rules.findIndex(({ when }) => Object.keys(when).length === 0)
  const reached = open < 0 ? rules : rules.slice(0, open + 1)
  const seen = new Map<string, string>()
  const same = reached.flatMap((rule) => {
    const key = sortedText(rule.when)
    // One that opens goes by the client's own host, the others by every host that it names.
    const before = seen.get(`any ${key}`) ?? seen.get(opens(rule) ? `own ${key}` : `any ${key}`)
    const kind = rule.when.sni !== undefined && opens(rule) ? "own" : "any"
    if (!seen.has(`${kind} ${key}`)) seen.set(`${kind} ${key}`, rule.name)
    return before === undefined
      ? []
      : [`rule ${rule.name} can never match: ${before}, before it, has the same conditions`]
  })
  const behind = rules
    .slice(reached.length)
    .map(
      ({ name }) =>
        `rule ${name} can never match: ${rules[open]?.name}, before it, matches everything`,
    )
  return [...same, ...behind]
}

/** In whatever order conditions and their values are written. */
function sortedText(when: Conditions): string {
  const sorted = Object.entries(when).map(([key, values]) => [
    key,
    (values ?? []).map(String).sort(),
  ])
  return JSON.stringify(sorted.sort())
}

function unanswered(rules: readonly Rule[]): string[] {
  return rules.filter(opens).flatMap(({ name, owner, reason }) => {
    const missing = [...(owner ? [] : ["owner"]), ...(reason ? [] : ["reason"])]
    return missing.length === 0
      ? []
      : [`rule ${name} lets connections pass uninspected and has no ${missing.join(" and no ")}`]
  })
}

function notInForce(
  lists: Readonly<Record<string, ListSettings>>,
  { mode }: ControlSettings,
): string[] {
  if (mode !== "off") return []
  const names = listStandings(lists, mode)
    .filter((list) => list.do === "auto" && list.inspected > 0)
    .map(({ name }) => name)
  if (names.length === 0) return []
  const lets = "with do: splice they are spliced all the same, with do: inspect this is said"
  return [
    `control.mode is off, so what is shipped in the lists ${names.join(", ")} is inspected; ${lets}`,
  ]
}

/** Says in words how policy decides a connection, for `pinsensor policy test`. */
import { type ConnectionFacts, ConnectionView } from "./connection-view.ts"
import { type Decision, decide } from "./decide.ts"
import type { Policy } from "./prepare.ts"
import type { Ranked } from "./ranked-index.ts"

/** So many rules, and so many register entries, are told one by one; the rest is counted. */
const told = 50

/** One line a rule up to the one that matches, the register entries that come near, the decision
 * and what it asks of the dialler. */
export function explainDecision(facts: ConnectionFacts, policy: Policy, now: number): string[] {
  const view = new ConnectionView(facts)
  const decision = decide(facts, policy, now)
  const rule = policy.rules.first(view, now)
  const lines = outline(
    policy.rules.all.slice(0, rule ? rule.rank + 1 : undefined),
    (ranked) => `rule ${ranked.value.name}: ${verdict(ranked, view, now)}`,
    "rules",
  )
  if (!rule) {
    const near = policy.register.all.filter((ranked) => failing(ranked, view, now).length <= 1)
    lines.push(
      ...outline(
        near,
        (ranked) =>
          `register entry ${ranked.value.id} (${ranked.value.kind}): ${verdict(ranked, view, now)}`,
        "register entries",
      ),
    )
    if (near.length === 0) lines.push("register: no entry comes near")
  }
  return [...lines, ...policy.faults, ...decisionLines(decision, view)]
}

function decisionLines(decision: Decision, view: ConnectionView): string[] {
  const cause = decision.splice_cause === null ? "" : ` (${decision.splice_cause})`
  const lines = [`decision: ${decision.do}${cause} by ${decision.rule}`]
  if (decision.rule === "name-disagrees")
    lines.push(`a splice by name was refused: SNI ${view.sni}, CONNECT host ${view.connectHost}`)
  for (const [when, choice] of Object.entries(decision.origin ?? {}))
    lines.push(`${when}: ${choice}`)
  if (decision.needs_resolution && decision.do === "splice")
    lines.push(
      `dials the sensor's own resolution of ${view.host}; the client's host and address must agree with it, else inspect`,
    )
  if (decision.splice_until !== null)
    lines.push(`is cut at ${new Date(decision.splice_until).toISOString()}`)
  return lines
}

function outline<One>(ranked: readonly One[], line: (one: One) => string, what: string) {
  const lines = ranked.slice(0, told - 1).map(line)
  const last = ranked.length >= told ? ranked.at(-1) : undefined
  if (ranked.length > told) lines.push(`and ${ranked.length - told} more ${what}`)
  if (last) lines.push(line(last))
  return lines
}

function verdict(ranked: Ranked<unknown>, view: ConnectionView, now: number): string {
  const [first] = failing(ranked, view, now)
  if (first) return `no: ${first.asks}; here: ${first.shows(view, now)}`
  const met = ranked.conditions.map(({ asks }) => asks).join(", and ")
  return met === "" ? "matches everything" : `matches: ${met}`
}

function failing({ conditions }: Ranked<unknown>, view: ConnectionView, now: number) {
  return conditions.filter((condition) => !condition.holds(view, now))
}

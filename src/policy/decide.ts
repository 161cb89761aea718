/**
 * Decides what happens to a connection: inspect, splice or block.
 *
 * In: the facts known after the ClientHello, a prepared policy, the time. Out: the decision and
 * what made it. It must not know sockets or DNS: what needs resolution is said in the decision,
 * and `agree` judges the answer. Rules come first, in their order; then the register; then inspect.
 */
import type { DecisionKind, SpliceCause } from "../record/common.ts"
import type { RegisterEntry } from "../record/register-entry.ts"
import { type ConnectionFacts, ConnectionView, isAddress } from "./connection-view.ts"
import { type OriginChoices, opensOrigins } from "./origin-choice.ts"
import { entryDoes, type Policy } from "./prepare.ts"
import type { Rule } from "./settings.ts"

export interface Decision {
  do: DecisionKind
  /** Name of the rule or id of the register entry that decided; `default`; `name-disagrees`. */
  rule: string
  splice_cause: SpliceCause | null
  register_entry: string | null
  /** Spliced because of a name: nothing is dialled before `agree` says where to. For an inspection
   * by name whose `origin` opens something: nothing is passed on before `agree` says so. */
  by_name: boolean
  /** The name must be resolved by the sensor for `agree`; false if it is an address. */
  needs_resolution: boolean
  /** For a trial: the time (epoch milliseconds) at which the splice is cut even if in use. */
  splice_until: number | null
  /** What the rule says of origins that are no good, if it does. */
  origin?: OriginChoices
}

const inspect: Decision = Object.freeze({
  do: "inspect",
  rule: "default",
  splice_cause: null,
  register_entry: null,
  by_name: false,
  needs_resolution: false,
  splice_until: null,
})

/** What becomes of a splice by name whose SNI, CONNECT host and address do not agree. Fails
 * closed: it is inspected. */
export const nameDisagrees: Decision = Object.freeze({ ...inspect, rule: "name-disagrees" })

/** `now` is in epoch milliseconds. */
export function decide(facts: ConnectionFacts, policy: Policy, now: number): Decision {
  const view = new ConnectionView(facts)
  const decision = firstDecision(view, policy, now)
  return decision.by_name && namesDisagree(view) ? nameDisagrees : decision
}

function firstDecision(view: ConnectionView, policy: Policy, now: number): Decision {
  const rule = policy.rules.first(view, now)
  if (rule) return byRule(rule.value, view)
  const entry = policy.register.first(view, now)
  return entry ? byEntry(entry.value, view, policy, now) : inspect
}

function byRule(rule: Rule, view: ConnectionView): Decision {
  if (rule.origin !== undefined)
    return {
      ...inspect,
      rule: rule.name,
      origin: rule.origin,
      ...named(opensOrigins(rule.origin) && rule.when.sni !== undefined, view),
    }
  if (rule.do !== "splice") return { ...inspect, do: rule.do, rule: rule.name }
  return {
    ...inspect,
    do: "splice",
    rule: rule.name,
    splice_cause: rule.cause ?? "operator",
    ...named(rule.when.sni !== undefined, view),
  }
}

function byEntry(
  entry: RegisterEntry,
  view: ConnectionView,
  policy: Policy,
  now: number,
): Decision {
  const by = { rule: entry.id, register_entry: entry.id }
  if (entryDoes(entry, policy.control) === "block") return { ...inspect, ...by, do: "block" }
  return {
    ...inspect,
    ...by,
    do: "splice",
    splice_cause: entry.kind,
    ...named(entry.scope.sni !== null, view),
    splice_until: entry.kind === "trial" ? trialEnd(entry, policy, now) : null,
  }
}

function named(by_name: boolean, { host }: ConnectionView) {
  return { by_name, needs_resolution: by_name && host !== null && !isAddress(host) }
}

/** A connection that a trial admits is cut when the trial's time is over: its client comes again
 * and is inspected, which is the observation that is still missing. */
function trialEnd({ id, trial }: RegisterEntry, { control, use }: Policy, now: number): number {
  const first = trial?.first_splice_at ? Date.parse(trial.first_splice_at) : now
  return Math.min(first, use?.firstAt(id) ?? now, now) + control["splice-for"]
}

/** What can be seen without DNS: a CONNECT to one name with the ClientHello of another. */
function namesDisagree({ sni, connectHost }: ConnectionView): boolean {
  return sni !== null && connectHost !== null && !isAddress(connectHost) && sni !== connectHost
}

/**
 * Decides what happens to a connection: inspect, splice or block.
 *
 * In: the facts known after the ClientHello, a prepared policy, the time. Out: the decision and
 * what made it. It must not know sockets or DNS: what needs resolution is said in the decision,
 * and `agree` judges the answer. Rules come first, in their order; then what a person put into the
 * register; then whose device it is; then the lists; then what the sensor made; then inspect.
 */
import type { DecisionKind, SpliceCause } from "../record/common.ts"
import type { RegisterEntry } from "../record/register-entry.ts"
import { type ConnectionFacts, ConnectionView, isAddress } from "./connection-view.ts"
import { NetworkSet, parseNetwork } from "./destination/addresses.ts"
import { type OriginChoices, opensOrigins } from "./origin-choice.ts"
import type { Policy } from "./prepare.ts"
import { entryDoes, isOfPerson } from "./register/register-index.ts"
import type { ListedHost, Rule } from "./settings.ts"

export interface Decision {
  do: DecisionKind
  /** Name of the rule, `list:` and name of the list, or id of the register entry that decided;
   * `default`; `personal-device`; `name-disagrees`. */
  rule: string
  splice_cause: SpliceCause | null
  register_entry: string | null
  /** Spliced because of a name: nothing is dialled before `agree` says where to. For an inspection
   * by name whose `origin` opens something: nothing is passed on before `agree` says so. */
  by_name: boolean
  /** The name must be resolved by the sensor for `agree`; false if it is an address. */
  needs_resolution: boolean
  /** The time (epoch milliseconds) at which the splice is cut even if in use: the end of its register
   * entry, and of a trial's minutes; null: none. */
  splice_until: number | null
  /** It rests on the destination's network: only addresses in it may be dialled under it, or a name
   * with one address inside and one outside would open a tunnel to the outside. */
  within?: NetworkSet
  /** What the rule says of origins that are no good, if it does. */
  origin?: OriginChoices
  /** What spliced it, as the register knows it, where `rule` does not tell (bypass-id.ts). */
  bypass?: string
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

/** A person's own device. It goes by the client's address, as a rule about a group does: no name is trusted. */
const personalDevice: Decision = Object.freeze({
  ...inspect,
  do: "splice",
  rule: "personal-device",
  splice_cause: "private",
})

/** `now` is in epoch milliseconds. */
export function decide(facts: ConnectionFacts, policy: Policy, now: number): Decision {
  const view = new ConnectionView(facts)
  const decision = firstDecision(view, policy, now)
  return decision.by_name && namesDisagree(view) ? nameDisagrees : decision
}

function firstDecision(view: ConnectionView, policy: Policy, now: number): Decision {
  const rule = policy.rules.first(view, now)
  if (rule) return byRule(rule.value, view, policy)
  const entry = policy.register.first(view, now)
  if (entry && isOfPerson(entry)) return byEntry(entry, view, policy, now)
  if (passesPersonal(view, policy)) return personalDevice
  const listed = policy.lists.first(view, now)
  if (listed) return byList(listed.value, view)
  return entry ? byEntry(entry, view, policy, now) : inspect
}

/** Fails closed: a device of which nobody says that it is a person's own is inspected. */
export function passesPersonal(
  { facts }: ConnectionView,
  { personal_devices }: Pick<Policy, "personal_devices">,
): boolean {
  return facts.device_personal === true && personal_devices === "splice"
}

function byRule(rule: Rule, view: ConnectionView, { rule_networks }: Policy): Decision {
  const { name, when, origin } = rule
  const within = rule_networks.get(name)
  const limit = within ? { within } : {}
  if (origin !== undefined)
    return {
      ...inspect,
      rule: name,
      origin,
      ...named(opensOrigins(origin) && when.sni !== undefined, view),
      ...limit,
    }
  if (rule.do !== "splice") return { ...inspect, do: rule.do, rule: name }
  return {
    ...inspect,
    do: "splice",
    rule: name,
    splice_cause: rule.cause ?? "operator",
    ...named(when.sni !== undefined, view),
    ...limit,
  }
}

/** A list is about names, so they have to agree. */
function byList({ list, cause }: ListedHost, view: ConnectionView): Decision {
  const rule = `list:${list}`
  return { ...inspect, do: "splice", rule, splice_cause: cause, ...named(true, view) }
}

function byEntry(
  entry: RegisterEntry,
  view: ConnectionView,
  policy: Policy,
  now: number,
): Decision {
  const { sni, destination_network } = entry.scope
  const by = { rule: entry.id, register_entry: entry.id }
  if (entryDoes(entry, policy.control) === "block") return { ...inspect, ...by, do: "block" }
  return {
    ...inspect,
    ...by,
    do: "splice",
    splice_cause: entry.kind,
    ...named(sni !== null, view),
    splice_until: endOf(entry, policy, now),
    ...(destination_network === null
      ? {}
      : { within: new NetworkSet([parseNetwork(destination_network)]) }),
  }
}

function endOf(entry: RegisterEntry, policy: Policy, now: number): number | null {
  const end = entry.expires_at === null ? null : Date.parse(entry.expires_at)
  if (entry.kind !== "trial") return end
  const cut = trialEnd(entry, policy, now)
  return end === null ? cut : Math.min(end, cut)
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

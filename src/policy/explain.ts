/**
 * Says how policy decides a connection, in parts and in words, for `pinsensor policy test`.
 *
 * In: the facts of a connection, a prepared policy, the time. Out: what was asked in its order, the
 * decision, and what it asks of the dialler. It must not decide anything itself.
 */
import type { RegisterEntry } from "../record/register-entry.ts"
import type { Condition } from "./conditions.ts"
import { type ConnectionFacts, ConnectionView } from "./connection-view.ts"
import { type Decision, decide, passesPersonal } from "./decide.ts"
import type { Ranked } from "./index/ranked-index.ts"
import type { Policy } from "./prepare.ts"
import { bypassIdOf } from "./register/bypass-id.ts"
import { isOfPerson, scopeConditions } from "./register/register-index.ts"
import type { ListedHost } from "./settings.ts"

/** So many rules, and so many register entries, are told one by one; the rest is counted. */
const told = 50

export interface ExplainedCondition {
  /** `stack is t13d1516h2` */
  asks: string
  /** What the connection shows of it. */
  here: string
  holds: boolean
}

/** Something that policy asked. `more`: that many others of its kind are left out. */
export interface ExplainStep {
  kind: "rule" | "list" | "register-entry" | "setting" | "more"
  /** Name of the rule, `list:` and name of the list, id of the entry, key of the setting; empty for
   * `more`. */
  id: string
  matches: boolean
  conditions: ExplainedCondition[]
  /** Why it decides nothing although its scope is near: `is a proposal, not in force`. */
  idle: string | null
  /** All of it in one line. */
  text: string
}

export interface Explanation {
  /** In the order in which policy asks, up to what decides; then entries that are near and idle. */
  steps: ExplainStep[]
  decision: Decision
  /** What follows from the decision, and what it asks of the dialler. */
  asks: string[]
  faults: readonly string[]
}

export function explain(facts: ConnectionFacts, policy: Policy, now: number): Explanation {
  const at: Moment = { view: new ConnectionView(facts), now }
  const decision = decide(facts, policy, now)
  const rule = policy.rules.first(at.view, now)
  const asked = policy.rules.all().slice(0, rule ? rule.order + 1 : undefined)
  const steps = outline(asked, (one) => ruleStep(one.value.name, one, at), "rules")
  if (!rule) steps.push(...registerSteps(policy, at))
  return { steps, decision, asks: asksOf(decision, policy, at), faults: policy.faults }
}

/** The explanation in lines of words. */
export function explanationLines({ steps, decision, asks, faults }: Explanation): string[] {
  const cause = decision.splice_cause === null ? "" : ` (${decision.splice_cause})`
  const near = steps.some(({ kind }) => kind !== "rule" && kind !== "more")
  const decided = steps.some(({ kind, matches }) => kind === "rule" && matches)
  return [
    ...steps.map(({ text }) => text),
    ...(near || decided ? [] : ["register and lists: nothing comes near"]),
    ...faults,
    `decision: ${decision.do}${cause} by ${decision.rule}`,
    ...asks,
  ]
}

export function explainDecision(facts: ConnectionFacts, policy: Policy, now: number): string[] {
  return explanationLines(explain(facts, policy, now))
}

interface Moment {
  view: ConnectionView
  now: number
}

/** A person's entries, the lists, what the sensor made; each as far as policy goes. */
function registerSteps(policy: Policy, at: Moment): ExplainStep[] {
  const { register, lists } = policy
  const decides = register.first(at.view, at.now)
  const listed = lists.first(at.view, at.now)
  const inForce = register.inForce()
  const last = inForce.findIndex(({ value }) => value === decides)
  const reached = last < 0 ? inForce : inForce.slice(0, last + 1)
  const near = reached.filter((one) => isNear(one.conditions, at))
  const persons = near.filter(({ value }) => isOfPerson(value))
  const steps = outline(persons, (one) => entryStep(one, at), "register entries")
  if (!(decides && isOfPerson(decides))) {
    const passes = passesPersonal(at.view, policy)
    if (at.view.facts.device_personal) steps.push(personalStep(passes))
    if (passes) return [...steps, ...idleSteps(register.idle(), at)]
    if (listed) steps.push(listStep(listed, at))
    else {
      const made = near.filter(({ value }) => !isOfPerson(value))
      steps.push(...outline(made, (one) => entryStep(one, at), "register entries"))
    }
  }
  return [...steps, ...idleSteps(register.idle(), at)]
}

/** Entries that decide nothing. What the configuration declares has its conditions there, and was
 * asked as a rule or list. */
function idleSteps(idle: readonly { entry: RegisterEntry; why: string }[], at: Moment) {
  const steps = idle
    .filter(({ entry }) => entry.source === "register")
    .flatMap(({ entry, why }): ExplainStep[] => {
      const conditions = readable(entry)
      if (conditions === null || !isNear(conditions, at)) return []
      const { id } = entry
      const text = `register entry ${id} (${entry.kind}): ${why}`
      return [
        {
          kind: "register-entry",
          id,
          matches: false,
          conditions: explained(conditions, at),
          idle: why,
          text,
        },
      ]
    })
  return outline(steps, (step) => step, "idle register entries")
}

/** Null for a scope that cannot be read, which stands among the faults. */
function readable(entry: RegisterEntry): Condition[] | null {
  try {
    return scopeConditions(entry)
  } catch {
    return null
  }
}

function ruleStep(id: string, { conditions }: Ranked<unknown>, at: Moment): ExplainStep {
  return step("rule", id, `rule ${id}`, conditions, at)
}

function entryStep({ value: { id, kind }, conditions }: Ranked<RegisterEntry>, at: Moment) {
  return step("register-entry", id, `register entry ${id} (${kind})`, conditions, at)
}

function listStep({ value, conditions }: Ranked<ListedHost>, at: Moment): ExplainStep {
  const { list, source, read } = value
  const said = step("list", `list:${list}`, `list ${list}`, conditions, at)
  return { ...said, text: `${said.text} (${source}${read === "" ? "" : `, read ${read}`})` }
}

/** Told of a person's own device only: of any other it is not asked. */
function personalStep(matches: boolean): ExplainStep {
  const id = "privacy.personal-devices"
  const asks = "device is a person's own"
  return {
    kind: "setting",
    id,
    matches,
    conditions: [{ asks, here: "a person's own", holds: true }],
    idle: matches ? null : "says inspect",
    text: `setting ${id}: ${matches ? `matches: ${asks}` : "says inspect"}`,
  }
}

function step(
  kind: ExplainStep["kind"],
  id: string,
  name: string,
  asked: readonly Condition[],
  at: Moment,
): ExplainStep {
  const conditions = explained(asked, at)
  const failed = conditions.find(({ holds }) => !holds)
  return {
    kind,
    id,
    matches: failed === undefined,
    conditions,
    idle: null,
    text: `${name}: ${failed ? `no: ${failed.asks}; here: ${failed.here}` : met(conditions)}`,
  }
}

function met(conditions: readonly ExplainedCondition[]): string {
  const asked = conditions.map(({ asks }) => asks).join(", and ")
  return asked === "" ? "matches everything" : `matches: ${asked}`
}

function explained(conditions: readonly Condition[], { view, now }: Moment): ExplainedCondition[] {
  return conditions.map((condition) => ({
    asks: condition.asks,
    here: condition.shows(view, now),
    holds: condition.holds(view, now),
  }))
}

/** At most one of its conditions does not hold. */
function isNear(conditions: readonly Condition[], { view, now }: Moment): boolean {
  let failed = 0
  for (const condition of conditions) if (!condition.holds(view, now)) failed += 1
  return failed <= 1
}

function asksOf(decision: Decision, policy: Policy, { view }: Moment): string[] {
  const { rule, needs_resolution, within, splice_until } = decision
  const lines: string[] = []
  if (rule === "name-disagrees")
    lines.push(`a splice by name was refused: SNI ${view.sni}, CONNECT host ${view.connectHost}`)
  for (const [when, choice] of Object.entries(decision.origin ?? {}))
    lines.push(`${when}: ${choice}`)
  if (needs_resolution && decision.do === "splice")
    lines.push(
      `dials the sensor's own resolution of ${view.host}; the client's host and address must agree with it, else inspect`,
    )
  if (within) lines.push(`dials nothing outside ${within.texts.slice(0, told).join(", ")}`)
  if (splice_until !== null) lines.push(`is cut at ${new Date(splice_until).toISOString()}`)
  const bypass = bypassIdOf(decision)
  const entry = bypass === null ? null : policy.register.get(bypass)
  if (entry) lines.push(`stands in the register as ${entry.id}: ${entry.owner}: ${entry.reason}`)
  return lines
}

/** The first ones, the last one, and how many are left out. */
function outline<One>(all: readonly One[], tell: (one: One) => ExplainStep, what: string) {
  if (all.length <= told) return all.map(tell)
  const left = all.length - told
  const more: ExplainStep = {
    kind: "more",
    id: "",
    matches: false,
    conditions: [],
    idle: null,
    text: `and ${left} more ${what}`,
  }
  return [...all.slice(0, told - 1).map(tell), more, ...all.slice(-1).map(tell)]
}

/**
 * Makes a policy out of settings and the register, once for each change of either.
 *
 * In: rules, control settings, register entries. Out: the indexes that `decide` asks. It must not
 * know connections.
 */
import type { DecisionKind } from "../record/common.ts"
import type { RegisterEntry } from "../record/register-entry.ts"
import type { Condition } from "./conditions.ts"
import {
  clientIn,
  compileConditions,
  destinationIn,
  deviceIs,
  groupIs,
  hostIs,
  readHostPattern,
  stackIs,
} from "./conditions.ts"
import { opensOrigins } from "./origin-choice.ts"
import { type Anchors, type HostAnchors, RankedIndex } from "./ranked-index.ts"
import type { ControlSettings, PolicySettings, Rule } from "./settings.ts"
import type { TrialUse } from "./trial-use.ts"

export interface Policy {
  rules: RankedIndex<Rule>
  register: RankedIndex<RegisterEntry>
  control: ControlSettings
  /** This worker's own count of trials; null where nothing is spliced, as in a dry run. */
  use: TrialUse | null
  /** Whether some condition asks for the destination's address: if so, the shell resolves a CONNECT
   * host before it decides, for an unknown address meets no condition. */
  asks_destination: boolean
  /** Whether some rule asks if name and destination agree: then the shell finds out before. */
  asks_name_agreement: boolean
  /** Register entries that cannot be read, in words for the log; they match nothing. */
  faults: readonly string[]
}

export function preparePolicy(
  settings: PolicySettings,
  entries: readonly RegisterEntry[],
  use: TrialUse | null = null,
): Policy {
  const { rules, control } = settings
  const faults: string[] = []
  const active = entries
    .filter((entry) => entryDoes(entry, control) !== "inspect")
    .sort(byPrecedence)
  return {
    rules: new RankedIndex(rules.map(indexedRule)),
    register: new RankedIndex(active.flatMap((entry) => indexedEntry(entry, control, use, faults))),
    control,
    use,
    asks_destination:
      rules.some(({ when }) => when.destination !== undefined) ||
      active.some(({ scope }) => scope.destination_network !== null),
    asks_name_agreement: rules.some(({ when }) => when["name-agrees"] !== undefined),
    faults,
  }
}

/** What an entry does to the connections in its scope; `inspect`: nothing, as without it. */
export function entryDoes({ kind, trial }: RegisterEntry, control: ControlSettings): DecisionKind {
  if (kind !== "trial") return "splice"
  if (trial === null || control.mode === "off") return "inspect"
  switch (trial.state) {
    case "armed":
    case "splicing":
      return "splice"
    // A learned entry of its own splices for `hold: splice`.
    case "holding":
      return control.hold === "block" ? "block" : "inspect"
    case "re-inspecting":
    case "cooling":
      return "inspect"
  }
}

function indexedRule(rule: Rule): { value: Rule; conditions: Condition[]; anchors: Anchors } {
  const { when } = rule
  const opens = rule.do === "splice" || opensOrigins(rule.origin)
  return {
    value: rule,
    conditions: compileConditions(when, opens ? "own" : "any"),
    anchors: {
      hosts: anchorHosts(when.sni),
      client: when.client,
      destination: when.destination,
      stacks: when.stack,
      groups: when["device-group"],
      ports: when.port,
    },
  }
}

/** Fails closed: an entry whose scope cannot be read matches nothing, and says so. */
function indexedEntry(
  entry: RegisterEntry,
  control: ControlSettings,
  use: TrialUse | null,
  faults: string[],
): { value: RegisterEntry; conditions: Condition[]; anchors: Anchors }[] {
  const { scope } = entry
  try {
    const conditions = entryConditions(entry, control, use)
    const anchors: Anchors = {
      device_id: scope.device_id,
      hosts: anchorHosts(listed(scope.sni)),
      client: listed(scope.client_network),
      destination: listed(scope.destination_network),
      stacks: listed(scope.stack),
      groups: listed(scope.device_group),
    }
    return [{ value: entry, conditions, anchors }]
  } catch (error) {
    const why = error instanceof Error ? error.message : "its scope cannot be read"
    faults.push(`register entry ${entry.id} matches nothing: ${why}`)
    return []
  }
}

function entryConditions(
  entry: RegisterEntry,
  control: ControlSettings,
  use: TrialUse | null,
): Condition[] {
  const { scope } = entry
  const conditions: Condition[] = []
  if (scope.device_id !== null) conditions.push(deviceIs(scope.device_id))
  if (scope.stack !== null) conditions.push(stackIs([scope.stack]))
  if (scope.device_group !== null) conditions.push(groupIs([scope.device_group]))
  if (scope.sni !== null) conditions.push(hostIs([scope.sni], "own"))
  if (scope.client_network !== null) conditions.push(clientIn([scope.client_network]))
  if (scope.destination_network !== null)
    conditions.push(destinationIn([scope.destination_network]))
  conditions.push(notExpired(entry.expires_at))
  if (entry.kind === "trial") conditions.push(sniIsSaid)
  if (entry.kind === "trial" && entryDoes(entry, control) === "splice")
    conditions.push(withinTrial(entry, control, use))
  return conditions
}

function notExpired(expiresAt: string | null): Condition {
  // An end that cannot be read has passed.
  const end = expiresAt === null ? Number.POSITIVE_INFINITY : Date.parse(expiresAt)
  return {
    holds: (_view, now) => now < end,
    asks: expiresAt === null ? "it does not expire" : `it is before ${expiresAt}`,
    shows: (_view, now) => new Date(now).toISOString(),
  }
}

/** A trial is about what a ClientHello said; a CONNECT host alone is not its key. */
const sniIsSaid: Condition = {
  holds: ({ sni }) => sni !== null,
  asks: "the ClientHello has an SNI",
  shows: ({ sni }) => sni ?? "none",
}

/** Time and caps of a trial, by the register's count and by this worker's own. */
function withinTrial(
  { id, trial }: RegisterEntry,
  control: ControlSettings,
  use: TrialUse | null,
): Condition {
  const first = trial?.first_splice_at ? Date.parse(trial.first_splice_at) : null
  const end = first === null ? Number.POSITIVE_INFINITY : first + control["splice-for"]
  const spent =
    trial === null || trial.connections >= control.connections || trial.bytes >= control.bytes
  return {
    holds: (_view, now) => !spent && now < end && !(use?.exhausted(id, now, control) ?? false),
    asks: "the trial's time and caps are not used up",
    shows: () => `${trial?.connections ?? 0} connections and ${trial?.bytes ?? 0} bytes so far`,
  }
}

/** What the operator wrote wins over what the sensor made; a block over what it splices. */
const precedence = ["operator", "private", "platform", "block", "learned", "trial"]

function byPrecedence(a: RegisterEntry, b: RegisterEntry): number {
  return place(a) - place(b) || width(a) - width(b) || (a.id < b.id ? -1 : a.id > b.id ? 1 : 0)
}

function place({ kind, trial }: RegisterEntry): number {
  return precedence.indexOf(trial?.state === "holding" ? "block" : kind)
}

/** The narrower scope comes first: more parts given, an exact name before a wildcard. */
function width({ scope }: RegisterEntry): number {
  const open = Object.values(scope).filter((part) => part === null).length
  return open * 2 + (scope.sni?.startsWith("*.") ? 1 : 0)
}

function listed(part: string | null): string[] | undefined {
  return part === null ? undefined : [part]
}

/** Names to file something under; null if it is not about names alone. */
function anchorHosts(patterns: readonly string[] | undefined): HostAnchors | null {
  if (patterns === undefined) return null
  const names: string[] = []
  const suffixes: string[] = []
  for (const text of patterns) {
    const pattern = readHostPattern(text)
    if (pattern.kind === "network") return null
    if (pattern.kind === "name") names.push(pattern.name)
    else suffixes.push(pattern.suffix)
  }
  return { names, suffixes }
}

/**
 * The register as policy asks it: which of its entries is the first that matches a connection.
 *
 * In: entries, one change at a time, and how control stands. Out: the entry that decides. It must not
 * know rules, lists or what a decision looks like.
 */
import type { DecisionKind } from "../../record/common.ts"
import type { RegisterEntry } from "../../record/register-entry.ts"
import {
  type Condition,
  clientIn,
  destinationIn,
  deviceIs,
  groupIs,
  hostIs,
  stackIs,
} from "../conditions.ts"
import type { ConnectionView } from "../connection-view.ts"
import { parseNetwork } from "../destination/addresses.ts"
import { facetsOf } from "../index/facets.ts"
import { hostKeys } from "../index/host-keys.ts"
import { type Ranked, RankedIndex } from "../index/ranked-index.ts"
import type { ControlSettings } from "../settings.ts"
import type { TrialUse } from "../trial/trial-use.ts"
import {
  controlAllows,
  notExpired,
  notRetested,
  sniIsSaid,
  withinTrial,
} from "./entry-conditions.ts"

/** The owner of what the sensor made; an entry that a person accepted is that person's. */
export const sensorItself = "pinsensor"

/** One entry, and what became of it: filed, or the reason (in words) why it does nothing. */
interface Kept {
  entry: RegisterEntry
  filed: Ranked<RegisterEntry> | null
  idle: string | null
}

/** Holds every entry that it is given, as many as the register has. */
export class RegisterIndex {
  readonly control: ControlSettings
  readonly use: TrialUse | null
  readonly #kept = new Map<string, Kept>()
  readonly #index = new RankedIndex<RegisterEntry>()
  readonly #faults = new Map<string, string>()
  #byDestination = 0
  #byDevice = 0

  constructor(
    control: ControlSettings,
    use: TrialUse | null,
    entries: Iterable<RegisterEntry> = [],
  ) {
    this.control = control
    this.use = use
    for (const entry of entries) this.set(entry)
  }

  /** Puts an entry in, or in the place of the one with its id. Fails closed: one whose scope cannot
   * be read matches nothing, and says so. */
  set(entry: RegisterEntry): void {
    this.delete(entry.id)
    const idle = idleBecause(entry, this.control)
    const kept: Kept = { entry, filed: null, idle }
    this.#kept.set(entry.id, kept)
    if (idle !== null) return
    try {
      kept.filed = ranked(entry, this.control, this.use)
    } catch (error) {
      const why = error instanceof Error ? error.message : "its scope cannot be read"
      kept.idle = `matches nothing: ${why}`
      this.#faults.set(entry.id, `register entry ${entry.id} matches nothing: ${why}`)
      return
    }
    this.#index.add(kept.filed)
    this.#count(entry, 1)
  }

  delete(id: string): void {
    const kept = this.#kept.get(id)
    if (!kept) return
    this.#kept.delete(id)
    this.#faults.delete(id)
    if (!kept.filed) return
    this.#index.remove(kept.filed)
    this.#count(kept.entry, -1)
  }

  /** Forgets entries that have ended; says how many there were. Goes through all of them. */
  deleteEnded(now: number): number {
    const ended = [...this.#kept.values()].filter(
      ({ entry }) => entry.expires_at !== null && Date.parse(entry.expires_at) <= now,
    )
    for (const { entry } of ended) this.delete(entry.id)
    return ended.length
  }

  first(view: ConnectionView, now: number): RegisterEntry | null {
    return this.#index.first(view, now)?.value ?? null
  }

  has(id: string): boolean {
    return this.#kept.has(id)
  }

  get(id: string): RegisterEntry | null {
    return this.#kept.get(id)?.entry ?? null
  }

  entries(): RegisterEntry[] {
    return [...this.#kept.values()].map(({ entry }) => entry)
  }

  /** What decides, in its order. */
  inForce(): Ranked<RegisterEntry>[] {
    return this.#index.all()
  }

  /** What decides nothing, and why, by id. */
  idle(): { entry: RegisterEntry; why: string }[] {
    return [...this.#kept.values()]
      .flatMap(({ entry, idle }) => (idle === null ? [] : [{ entry, why: idle }]))
      .sort((a, b) => (a.entry.id < b.entry.id ? -1 : 1))
  }

  get size(): number {
    return this.#kept.size
  }

  get faults(): string[] {
    return [...this.#faults.values()]
  }

  get asks_destination(): boolean {
    return this.#byDestination > 0
  }

  /** Whether some entry asks who the client is. */
  get asks_device(): boolean {
    return this.#byDevice > 0
  }

  #count({ scope, learned, kind }: RegisterEntry, by: 1 | -1): void {
    if (scope.destination_network !== null) this.#byDestination += by
    const retested = kind === "learned" && learned !== null && learned.retest !== null
    if (scope.device_id !== null || scope.device_group !== null || retested) this.#byDevice += by
  }
}

/** What an entry does to the connections in its scope; `inspect`: nothing, as without it. */
export function entryDoes(entry: RegisterEntry, control: ControlSettings): DecisionKind {
  if (idleBecause(entry, control) !== null) return "inspect"
  return entry.trial?.state === "holding" ? "block" : "splice"
}

/** Whether a person put it there, or an import: then it comes before the lists. */
export function isOfPerson({ kind }: RegisterEntry): boolean {
  return kind !== "trial" && kind !== "learned"
}

/** Why an entry does nothing, whatever connects; null: it decides. */
export function idleBecause(entry: RegisterEntry, control: ControlSettings): string | null {
  const { source, standing, kind, trial } = entry
  if (source !== "register") return `declares a ${source} of the configuration, which decides`
  if (standing === "proposed") return "is a proposal, not in force"
  const made = kind === "trial" || (kind === "learned" && entry.owner === sensorItself)
  if (made && control.mode === "off") return "control.mode is off"
  if (kind !== "trial") return null
  if (trial === null) return "is a trial without a state"
  switch (trial.state) {
    case "armed":
    case "splicing":
      return null
    // A learned entry of its own splices for `hold: splice`.
    case "holding":
      return (trial.hold ?? control.hold) === "block" ? null : "is held as inspected"
    case "re-inspecting":
    case "cooling":
      return `is ${trial.state}: its connections are inspected`
  }
}

/** Throws where a part of the scope cannot be read. */
function ranked(
  entry: RegisterEntry,
  control: ControlSettings,
  use: TrialUse | null,
): Ranked<RegisterEntry> {
  const { scope } = entry
  const does = entryDoes(entry, control)
  return {
    value: entry,
    order: place(entry) * 100 + width(entry),
    tie: entry.id,
    conditions: [...scopeConditions(entry), ...ownConditions(entry, does, control, use)],
    facets: facetsOf({
      device: listed(scope.device_id),
      host: hostKeys(listed(scope.sni)),
      client: listed(scope.client_network)?.map(parseNetwork),
      destination: listed(scope.destination_network)?.map(parseNetwork),
      stack: listed(scope.stack),
      group: listed(scope.device_group),
    }),
  }
}

/** The conditions of its scope, those that cost least first. */
export function scopeConditions({ scope }: RegisterEntry): Condition[] {
  const { device_id, stack, device_group, sni, client_network, destination_network } = scope
  const conditions: Condition[] = []
  if (device_id !== null) conditions.push(deviceIs(device_id))
  if (stack !== null) conditions.push(stackIs([stack]))
  if (device_group !== null) conditions.push(groupIs([device_group]))
  if (sni !== null) conditions.push(hostIs([sni], "own"))
  if (client_network !== null) conditions.push(clientIn([client_network]))
  if (destination_network !== null) conditions.push(destinationIn([destination_network], "own"))
  return conditions
}

/** What beside its scope must hold. */
function ownConditions(
  entry: RegisterEntry,
  does: DecisionKind,
  control: ControlSettings,
  use: TrialUse | null,
): Condition[] {
  const { kind, learned } = entry
  const conditions: Condition[] = [notExpired(entry.expires_at)]
  if (kind === "trial") conditions.push(sniIsSaid)
  if (kind === "trial" && does === "splice") conditions.push(withinTrial(entry, control, use))
  if (kind === "learned" && learned?.retest) conditions.push(notRetested(learned.retest))
  const made = kind === "trial" || (kind === "learned" && entry.owner === sensorItself)
  const allows = made ? controlAllows(control) : null
  if (allows) conditions.push(allows)
  return conditions
}

/** What the operator wrote wins over what the sensor made; a block over what it splices. */
const precedence = ["operator", "private", "platform", "block", "learned", "trial"]

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

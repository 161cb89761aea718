/**
 * Whose evidence it is. The actor is the app (with version and profile) where it was observed, else
 * the stack, apart for each program that its CONNECT User-Agent names.
 *
 * In: sightings of one device. Out: groups by (actor, destination). It must not know outcomes.
 */
import type { Attempt } from "../record/attempt.ts"
import type { Profile } from "../record/common.ts"
import type { Flow } from "../record/flow.ts"
import { byTime } from "./bucket.ts"
import { isObserved, type Sighting, type Sightings } from "./sighting.ts"

export interface Actor {
  kind: "app" | "stack"
  profile: Profile
  app_id: string | null
  app_version: string | null
  stack: string | null
  program: string | null
}

/** All sightings of one actor at one destination, oldest first. */
export interface KeyGroup {
  actor: Actor
  destination: string
  registrable: string
  hasDomain: boolean
  attempts: Sighting<Attempt>[]
  flows: Sighting<Flow>[]
  /** Ids that were not observed of the app, but can be nobody else's that was seen here. */
  adopted: Set<string>
  stacks: Set<string>
  programs: Set<string>
  /** Apps named by the sightings, observed or inferred. */
  apps: Set<string>
}

/** One string for an actor: what a finding's id is made of. */
export function actorKey(actor: Actor): string {
  return actor.kind === "app"
    ? `app|${actor.profile}|${actor.app_id}|${actor.app_version ?? ""}`
    : `stack|${actor.profile}|${actor.stack ?? ""}|${actor.program ?? ""}`
}

/** The groups of each destination. */
export function groupByKey({ all }: Sightings): KeyGroup[][] {
  const places = new Map<string, Sighting[]>()
  for (const sighting of all) {
    const place = places.get(sighting.destination)
    if (place) place.push(sighting)
    else places.set(sighting.destination, [sighting])
  }
  return [...places.values()].map((place) => groupPlace(place))
}

/** The groups of one destination, of its sightings oldest first. */
export function groupPlace(place: readonly Sighting[]): KeyGroup[] {
  const groups = actorsAt(place)
  for (const group of groups) {
    // What was adopted came after what was observed.
    group.attempts.sort(byTime)
    group.flows.sort(byTime)
  }
  return groups
}

/**
 * Observed sightings first. What names no app is adopted where exactly one app was observed with its
 * stack at this destination: EDR loses events, and an acceptance that may be the app's own must stand
 * against it. Sessions around the proxy may come from another stack (QUIC), so they are adopted
 * where exactly one actor was seen at the destination at all.
 */
function actorsAt(place: readonly Sighting[]): KeyGroup[] {
  const groups = new Map<string, KeyGroup>()
  let last: { sighting: Sighting; group: KeyGroup } | null = null
  const join = (sighting: Sighting, actorOf: (sighting: Sighting) => Actor): void => {
    if (last && isAlike(last.sighting, sighting)) return take(last.group, sighting)
    const actor = actorOf(sighting)
    const key = actorKey(actor)
    const group = groups.get(key) ?? emptyGroup(sighting, actor)
    groups.set(key, group)
    last = { sighting, group }
    take(group, sighting)
  }
  const unknown: Sighting[] = []
  for (const sighting of place) {
    if (isObserved(sighting)) join(sighting, appActor)
    else unknown.push(sighting)
  }
  const apps = [...groups.values()]
  const around: Sighting[] = []
  for (const sighting of unknown) {
    if (isAround(sighting)) {
      around.push(sighting)
      continue
    }
    const owner = onlyOne(apps, (group) => mayBeOf(group, sighting))
    if (owner) adopt(owner, sighting)
    else join(sighting, stackActor)
  }
  const actors = [...groups.values()]
  for (const sighting of around) {
    const owner = onlyOne(actors, (group) => mayBeApp(group, sighting))
    if (owner) adopt(owner, sighting)
    else join(sighting, stackActor)
  }
  return [...groups.values()]
}

/** The actor of both is the same: a client that comes back over and over. */
function isAlike(a: Sighting, b: Sighting): boolean {
  return (
    a.who === b.who &&
    a.version === b.version &&
    a.fact.stack === b.fact.stack &&
    a.program === b.program
  )
}

/** Whether a sighting that names no observed app may be this actor's: same stack, no other program,
 * no other app inferred. */
export function mayBeOf(group: KeyGroup, sighting: Sighting): boolean {
  const { stack } = sighting.fact
  if (stack === null || !group.stacks.has(stack)) return false
  const otherProgram =
    sighting.program !== null && group.programs.size > 0 && !group.programs.has(sighting.program)
  return !otherProgram && mayBeApp(group, sighting)
}

function mayBeApp(group: KeyGroup, sighting: Sighting): boolean {
  return (
    sighting.who.app_id === null || group.apps.size === 0 || group.apps.has(sighting.who.app_id)
  )
}

/** Seen around the sensor: its stack need not be the one that we inspect. */
function isAround(sighting: Sighting): boolean {
  return "source" in sighting.fact && sighting.fact.source !== "sensor"
}

function appActor({ who, version }: Sighting): Actor {
  return {
    kind: "app",
    profile: who.profile,
    app_id: who.app_id,
    app_version: version,
    stack: null,
    program: null,
  }
}

function stackActor({ who, fact, program }: Sighting): Actor {
  return {
    kind: "stack",
    profile: who.profile,
    app_id: null,
    app_version: null,
    stack: fact.stack,
    program,
  }
}

function emptyGroup(sighting: Sighting, actor: Actor): KeyGroup {
  const { destination, registrable, hasDomain } = sighting
  return {
    actor,
    destination,
    registrable,
    hasDomain,
    attempts: [],
    flows: [],
    adopted: new Set(),
    stacks: new Set(),
    programs: new Set(),
    apps: new Set(),
  }
}

function adopt(group: KeyGroup, sighting: Sighting): void {
  group.adopted.add(sighting.id)
  take(group, sighting)
}

function take(group: KeyGroup, sighting: Sighting): void {
  if (isFlow(sighting)) group.flows.push(sighting)
  else group.attempts.push(sighting as Sighting<Attempt>)
  const { stack } = sighting.fact
  // A session around the proxy says nothing of the stack that is inspected.
  if (stack !== null && !isAround(sighting)) group.stacks.add(stack)
  if (sighting.program !== null) group.programs.add(sighting.program)
  if (sighting.who.app_id !== null) group.apps.add(sighting.who.app_id)
}

function isFlow(sighting: Sighting): sighting is Sighting<Flow> {
  return "verdict" in sighting.fact
}

/** The only element for which it holds, or null; stops at the second. */
function onlyOne<Item>(items: readonly Item[], holds: (item: Item) => boolean): Item | null {
  let found: Item | null = null
  for (const item of items) {
    if (!holds(item)) continue
    if (found !== null) return null
    found = item
  }
  return found
}

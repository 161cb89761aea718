/**
 * The evidence for one key, ready to be weighed: one cut (epoch and quality of binding), refusals
 * counted in tries and buckets, acceptances, control flows, opaque sessions.
 *
 * In: the groups of one destination. Out: evidence per key, the newest cut of each. It must not know
 * verdicts, platforms or analytics.
 */
import { type Attempt, isRefusal } from "../record/attempt.ts"
import type { DeviceAttribution } from "../record/finding.ts"
import type { Flow } from "../record/flow.ts"
import type { RegisterEntry } from "../record/register-entry.ts"
import { type Actor, type KeyGroup, mayBeOf } from "./actor.ts"
import { bucketOf, bucketsOf, byTime, type Try, tries } from "./bucket.ts"
import { type ControlEvidence, controlEvidence } from "./control.ts"
import { lostRaces, spareSockets } from "./drops.ts"
import { asBound, type Epoch } from "./epoch.ts"
import { isObserved, type Sighting } from "./sighting.ts"
import type { ScopeSettings } from "./tunables.ts"

export interface KeyEvidence {
  group: KeyGroup
  /** The name of the cut of the two that follow. */
  cut: string
  epoch: Epoch
  device: DeviceAttribution
  /** Everything of the key in this cut, oldest first. */
  attempts: Sighting<Attempt>[]
  flows: Sighting<Flow>[]
  /** Refusals that count, their tries, the buckets of these, and whether one is strong. */
  refusals: Sighting<Attempt>[]
  tries: Try<Sighting<Attempt>>[]
  buckets: number
  strong: boolean
  /** Whether the refusals that were observed of the app are enough without the adopted ones. */
  observedSuffices: boolean
  acceptances: Sighting<Attempt>[]
  /** Acceptances under the same stack by nobody who is known: they may be the key's own. */
  perhapsOwn: Sighting<Attempt>[]
  /** Refusals that were dropped, by reason. */
  dropped: { spare: number; network: number; lostRace: number; weakAlone: number }
  control: ControlEvidence
  /** Spliced by a bypass that an earlier verdict caused. */
  bypassed: Sighting<Flow>[]
  /** Encrypted ClientHello was really offered, so the name is only the outer one. */
  ech: boolean
  /** The origin was seen to have no public trust. */
  privateOrigin: boolean
}

/** A cut of a group before its own weighing. */
interface Cut {
  /** The name of the cut of the two that follow. */
  cut: string
  epoch: Epoch
  device: DeviceAttribution
  attempts: Sighting<Attempt>[]
  flows: Sighting<Flow>[]
}

export interface KeyInput {
  settings: ScopeSettings
  /** The settings of one actor's keys, where they differ (overrides.ts). */
  scopeOf?: (actor: Actor) => ScopeSettings
  /** Ids of attempts that fell into a network window. */
  network: ReadonlySet<string>
  register: ReadonlyMap<string, RegisterEntry>
}

/** Evidence of every key of one destination. */
export function keysOfPlace(groups: readonly KeyGroup[], input: KeyInput): KeyEvidence[] {
  const privateOrigin = groups.some((group) => hasPrivateOrigin(group))
  const place = { groups, privateOrigin, flows: groups.flatMap(({ flows }) => flows) }
  return groups.flatMap((group) => {
    const cut = newestCut(group)
    return cut ? [weighKey(group, cut, place, input)] : []
  })
}

/** What all keys of a destination share. */
interface Place {
  groups: readonly KeyGroup[]
  privateOrigin: boolean
  /** Whoever's: a flow of a tap seldom tells whose it is. */
  flows: readonly Sighting<Flow>[]
}

function weighKey(
  group: KeyGroup,
  cut: Cut,
  { groups, privateOrigin, flows }: Place,
  { settings: general, scopeOf, network, register }: KeyInput,
): KeyEvidence {
  const settings = scopeOf?.(group.actor) ?? general
  const acceptances = cut.attempts.filter(isAccepted)
  const perhapsOwn = groups.flatMap((other) => foreignAcceptances(group, cut, other))
  const spare = spareSockets(
    cut.attempts,
    [...acceptances, ...perhapsOwn],
    settings["spare-window"],
  )
  const all = cut.attempts.filter((attempt) => isRefusal(attempt.fact.outcome))
  const raced = lostRaces(all, flows)
  const kept = all.filter(({ id }) => !spare.has(id) && !network.has(id) && !raced.has(id))
  const strong = kept.some((attempt) => attempt.fact.strength === "strong")
  const refusals = strong ? kept : []
  const counted = tries(refusals)
  return {
    group,
    ...cut,
    refusals,
    tries: counted,
    buckets: bucketsOf(counted, settings.bucket),
    strong,
    observedSuffices: areEnough(
      refusals.filter((refusal) => !group.adopted.has(refusal.id)),
      settings,
    ),
    acceptances,
    perhapsOwn,
    dropped: {
      spare: spare.size,
      network: all.filter((attempt) => network.has(attempt.id)).length,
      lostRace: raced.size,
      weakAlone: strong ? 0 : kept.length,
    },
    control: controlEvidence(cut.flows, refusals),
    bypassed: cut.flows.filter((flow) => isEarlierVerdict(flow, register)),
    ech: cut.attempts.some(offeredEch),
    privateOrigin,
  }
}

/** Enough refusals: so many tries, two buckets, a strong one among them. More never make them too few, so
 * of thousands only the first few are looked at. `refusals` are oldest first. */
export function areEnough(
  refusals: readonly Sighting<Attempt>[],
  settings: ScopeSettings,
): boolean {
  let strong = false
  let count = 0
  let until = Number.NEGATIVE_INFINITY
  const buckets = new Set<number>()
  for (const { start, end, fact } of refusals) {
    strong ||= fact.strength === "strong"
    if (count === 0 || start >= until) {
      count += 1
      until = end
      buckets.add(bucketOf(start, settings.bucket))
    }
    if (strong && count >= settings.refusals && buckets.size >= 2) return true
  }
  return false
}

export function isAccepted(attempt: Sighting<Attempt>): boolean {
  return attempt.fact.outcome === "accepted"
}

/**
 * The cut that is judged: the epoch of the group's last evidence, and in it what was seen while the
 * device was bound, if anything was; else the last quality of binding.
 */
function newestCut(group: KeyGroup): Cut | null {
  const ends = [group.attempts.at(-1), group.flows.at(-1)].filter((each) => each !== undefined)
  const last = ends.sort(byTime).at(-1)
  if (!last) return null
  const bound = asBound(last.cut)
  const isBound = (each: Sighting) => each.cut === bound
  const hasBound = group.attempts.some(isBound) || group.flows.some(isBound)
  const cut = hasBound ? bound : last.cut
  return {
    cut,
    epoch: { issuing_ca: last.epoch.issuing_ca, sensor_config: last.epoch.sensor_config },
    device: hasBound ? "bound" : last.who.device,
    attempts: group.attempts.filter((each) => each.cut === cut),
    flows: group.flows.filter((each) => each.cut === cut),
  }
}

/** Acceptances of another group at the destination that nobody is known to have made, by a stack
 * of this group: only an app that was not observed elsewhere can be this one. */
function foreignAcceptances(group: KeyGroup, cut: Cut, other: KeyGroup): Sighting<Attempt>[] {
  if (other === group || group.actor.kind !== "app" || other.actor.kind === "app") return []
  return other.attempts.filter(
    (attempt) =>
      isAccepted(attempt) &&
      !isObserved(attempt) &&
      attempt.cut === cut.cut &&
      mayBeOf(group, attempt),
  )
}

/** The outer name differs from the CONNECT host, or the client said ech_required (RFC 9849): then
 * the extension was no GREASE. A CONNECT host that is an address tells nothing. */
function offeredEch({ fact }: Sighting<Attempt>): boolean {
  if (fact.alert === 121) return true
  const host = fact.connect_host
  if (!fact.ech_offered || host === null || fact.sni === null) return false
  const isAddress = /^[\d.]+$|:/.test(host)
  return !isAddress && host.toLowerCase().replace(/\.$/, "") !== fact.sni.toLowerCase()
}

function hasPrivateOrigin({ attempts, flows }: KeyGroup): boolean {
  return (
    attempts.some(
      ({ fact }) => fact.upstream.public_trust === false || fact.upstream.status === "untrusted",
    ) || flows.some(({ fact }) => fact.splice_cause === "untrusted-origin")
  )
}

/** A splice that an earlier verdict about the key brought about: a learned entry, a trial that was
 * decided, or an operator's entry that names its evidence. */
function isEarlierVerdict(
  { fact }: Sighting<Flow>,
  register: ReadonlyMap<string, RegisterEntry>,
): boolean {
  if (fact.decision !== "splice" || fact.source !== "sensor" || fact.splice_cause === "trial")
    return false
  if (fact.splice_cause === "learned") return true
  const entry = fact.register_entry === null ? undefined : register.get(fact.register_entry)
  if (!entry) return false
  return entry.evidence_ids.length > 0 || entry.trial?.state === "holding"
}

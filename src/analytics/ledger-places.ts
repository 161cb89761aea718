/**
 * A device's keys, each destination apart: what happens at one of them is weighed again there and nowhere
 * else. In: sightings one by one. Out: the keys of all destinations, weighed.
 */
import type { Device } from "../record/device.ts"
import type { RegisterEntry } from "../record/register-entry.ts"
import { GrowingIndex } from "./acceptance-index.ts"
import { type Actor, actorKey, groupPlace } from "./actor.ts"
import { insertInTime, removeInTime } from "./in-time.ts"
import { type KeyEvidence, keysOfPlace } from "./key-evidence.ts"
import { isOperators } from "./qualify.ts"
import { type NamedKey, nameKey, tunedOf } from "./scope.ts"
import type { AnalyticsSettings } from "./settings.ts"
import type { Sighting } from "./sighting.ts"

interface Place {
  /** Oldest first. */
  seen: Sighting[]
  /** As they were weighed last. */
  named: NamedKey[]
}

/** Owned state, bounded by the evidence. */
export class LedgerPlaces {
  readonly index: GrowingIndex
  readonly #settings: AnalyticsSettings
  readonly #places = new Map<string, Place>()
  /** Whose keys they are: overrides of settings may be for its groups. */
  #device: Device | null = null
  /** Destinations to be weighed again. */
  readonly #stale = new Set<string>()

  constructor(settings: AnalyticsSettings) {
    this.#settings = settings
    this.index = new GrowingIndex((domain) => !isOperators(domain, settings))
  }

  add(sighting: Sighting): void {
    const { destination } = sighting
    const place = this.#places.get(destination) ?? { seen: [], named: [] }
    this.#places.set(destination, place)
    insertInTime(place.seen, sighting)
    this.touch(destination)
  }

  remove(sighting: Sighting): void {
    const place = this.#places.get(sighting.destination)
    if (place) removeInTime(place.seen, sighting)
    this.touch(sighting.destination)
  }

  touch(destination: string): void {
    this.#stale.add(destination)
  }

  /** What the inventory says of the device now. */
  isOf(device: Device | null): void {
    const before = this.#device
    this.#device = device
    if (this.#settings.overrides.length === 0 || isTunedAlike(before, device)) return
    for (const destination of this.#places.keys()) this.touch(destination)
  }

  /** Entries of the register changed: of a splice that an operator decided they say whether an earlier
   * verdict brought it about. */
  registerChanged(): void {
    for (const [destination, { named }] of this.#places)
      if (named.some(({ key }) => key.flows.some(isDecidedByEntry))) this.touch(destination)
  }

  /** Every key of the device. */
  weigh(
    network: ReadonlySet<string>,
    register: ReadonlyMap<string, RegisterEntry>,
  ): readonly NamedKey[] {
    const settings = this.#settings
    const device = this.#device
    const scopeOf = (actor: Actor) => tunedOf(actor, { device }, settings).settings.scope
    const input = { settings: settings.scope, scopeOf, network, register }
    for (const destination of this.#stale) {
      const place = this.#places.get(destination)
      if (!place) continue
      const groups = groupPlace(place.seen)
      const named = keysOfPlace(groups, input).map((key) => nameKey(key, this.#settings))
      this.#index(place.named, named)
      place.named = named
      if (place.seen.length === 0) this.#places.delete(destination)
    }
    this.#stale.clear()
    return [...this.#places.values()].flatMap(({ named }) => named)
  }

  #index(before: readonly NamedKey[], after: readonly NamedKey[]): void {
    const gone = new Map(before.filter(countsAsRefused).map(({ key }) => [nameOf(key), key]))
    for (const { key } of after.filter(countsAsRefused)) {
      const name = nameOf(key)
      this.index.refuse(key, gone.get(name) ?? null)
      gone.delete(name)
    }
    for (const key of gone.values()) this.index.forgetRefused(key)
  }
}

function isTunedAlike(a: Device | null, b: Device | null): boolean {
  return a?.platform === b?.platform && a?.groups.join("|") === b?.groups.join("|")
}

function countsAsRefused({ platformExpected }: NamedKey): boolean {
  return !platformExpected
}

function nameOf({ group }: KeyEvidence): string {
  return actorKey(group.actor)
}

function isDecidedByEntry({ fact }: Sighting): boolean {
  return "verdict" in fact && fact.source === "sensor" && fact.register_entry !== null
}

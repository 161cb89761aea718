/**
 * The network windows of a device (drops.ts), kept in step with evidence that comes and goes. A failure is
 * judged beside those between which nothing worked, so a change concerns only its own neighbours.
 */
import { byFailing, type Failure, failureOf, windowsAmong } from "./drops.ts"
import { rank } from "./rank.ts"
import type { Sighting } from "./sighting.ts"
import type { ScopeSettings } from "./tunables.ts"

/** Changes remembered one by one until they are settled; beyond it everything is looked at again. */
const mostTouched = 64

/** Owned state, bounded by the evidence. */
export class LedgerNetwork {
  /** Ids of failures that fell into a window. */
  readonly dropped = new Set<string>()
  readonly #settings: ScopeSettings
  /** Oldest first, as are the times at which the network was seen to work. */
  readonly #failures: Failure[] = []
  readonly #alive: number[] = []
  #touched: number[] = []

  constructor(settings: ScopeSettings) {
    this.#settings = settings
  }

  add(sighting: Sighting): void {
    if (sighting.alive !== null) {
      this.#alive.splice(rank(this.#alive, sighting.alive, itself), 0, sighting.alive)
      this.#touch(sighting.alive)
    }
    const failure = failureOf(sighting)
    if (!failure) return
    this.#failures.splice(this.#placeOf(failure), 0, failure)
    this.#touch(failure.at)
  }

  remove(sighting: Sighting): void {
    if (sighting.alive !== null) {
      this.#alive.splice(rank(this.#alive, sighting.alive, itself) - 1, 1)
      this.#touch(sighting.alive)
    }
    const failure = failureOf(sighting)
    if (!failure) return
    this.#failures.splice(this.#placeOf(failure), 1)
    this.dropped.delete(failure.id)
    this.#touch(failure.at)
  }

  /** Destinations of which a failure is dropped now, or no more. */
  settle(): Set<string> {
    const changed = new Set<string>()
    for (const [from, to] of this.#spans()) {
      const some = this.#failures.slice(from, to)
      const dropped = windowsAmong(some, this.#alive, this.#settings)
      for (const { id, destination } of some) {
        if (dropped.has(id) === this.dropped.has(id)) continue
        changed.add(destination)
        if (dropped.has(id)) this.dropped.add(id)
        else this.dropped.delete(id)
      }
    }
    this.#touched = []
    return changed
  }

  #touch(time: number): void {
    if (this.#touched.length <= mostTouched) this.#touched.push(time)
  }

  /** Failures that stand together with something that changed, as places in their list. */
  #spans(): [number, number][] {
    if (this.#failures.length === 0 || this.#touched.length === 0) return []
    if (this.#touched.length > mostTouched) return [[0, this.#failures.length]]
    return this.#touched.map((time) => {
      const before = this.#alive[rankBefore(this.#alive, time) - 1] ?? Number.NEGATIVE_INFINITY
      const after = this.#alive[rank(this.#alive, time, itself)] ?? Number.POSITIVE_INFINITY
      return [this.#firstFrom(before), this.#firstFrom(after)]
    })
  }

  /** The place of the first failure not before a time. */
  #firstFrom(time: number): number {
    let low = 0
    let high = this.#failures.length
    while (low < high) {
      const middle = (low + high) >> 1
      if ((this.#failures[middle] as Failure).at < time) low = middle + 1
      else high = middle
    }
    return low
  }

  #placeOf(failure: Failure): number {
    let at = this.#firstFrom(failure.at)
    for (let next = this.#failures[at]; next && byFailing(next, failure) < 0; ) {
      at += 1
      next = this.#failures[at]
    }
    return at
  }
}

function itself(time: number): number {
  return time
}

/** How many lie before a time. */
function rankBefore(times: readonly number[], time: number): number {
  let at = rank(times, time, itself)
  while (at > 0 && times[at - 1] === time) at -= 1
  return at
}

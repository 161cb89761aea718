/**
 * A sample of what an epoch was met with: pairs of device and destination, of each the last refusal
 * and the last acceptance. Neither one device that asks for many names nor one name that all devices
 * ask for may fill it: a fault of the sensor shows across devices and destinations.
 */
import type { Attempt } from "../../record/attempt.ts"
import type { Attributed } from "../../record/attributed.ts"

/** Pairs kept in all, of one device and of one destination, at 6 KB each; the one untouched longest
 * goes, so that those that still decide are what is left. */
const most = 1_000
const mostOfDevice = 20
const mostOfDestination = 100

interface Pair {
  device: string
  destination: string
  accepted?: Attributed<Attempt>
  refused?: Attributed<Attempt>
}

export class PairSample {
  readonly #pairs = new Map<string, Pair>()
  /** Keys of the pairs of each, those untouched longest first. */
  readonly #ofDevice = new Map<string, Set<string>>()
  readonly #ofDestination = new Map<string, Set<string>>()

  note(destination: string, refused: boolean, attempt: Attributed<Attempt>): void {
    const device = attempt.who.device_id
    const key = `${device}|${destination}`
    const pair: Pair = this.#pairs.get(key) ?? { device, destination }
    pair[refused ? "refused" : "accepted"] = attempt
    this.#forget(key)
    this.#pairs.set(key, pair)
    this.#keep(this.#ofDevice, device, key, mostOfDevice)
    this.#keep(this.#ofDestination, destination, key, mostOfDestination)
    if (this.#pairs.size > most) this.#forget(first(this.#pairs.keys()))
  }

  get size(): number {
    return this.#pairs.size
  }

  attempts(): Attributed<Attempt>[] {
    return [...this.#pairs.values()].flatMap(({ accepted, refused }) => [
      ...(accepted ? [accepted] : []),
      ...(refused ? [refused] : []),
    ])
  }

  #keep(lists: Map<string, Set<string>>, of: string, key: string, limit: number): void {
    const keys = lists.get(of) ?? new Set()
    lists.set(of, keys)
    keys.add(key)
    if (keys.size > limit) this.#forget(first(keys))
  }

  #forget(key: string | undefined): void {
    const pair = key === undefined ? undefined : this.#pairs.get(key)
    if (!pair || key === undefined) return
    this.#pairs.delete(key)
    drop(this.#ofDevice, pair.device, key)
    drop(this.#ofDestination, pair.destination, key)
  }
}

function drop(lists: Map<string, Set<string>>, of: string, key: string): void {
  const keys = lists.get(of)
  keys?.delete(key)
  if (keys?.size === 0) lists.delete(of)
}

function first(keys: Iterable<string>): string | undefined {
  const [oldest] = keys
  return oldest
}

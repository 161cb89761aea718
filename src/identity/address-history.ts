/** The bindings of one address or prefix over time. */
import type { Binding } from "../record/binding.ts"
import type { BoundTo } from "./choose-binding.ts"
import { type Holder, holderKey } from "./holders.ts"
import { IntervalList } from "./interval-list.ts"

export type HolderOf = (binding: Binding) => Holder

/**
 * Bindings are appended, never overwritten, so a source that learns when a lease ended (or was
 * renewed) states the binding again: same source, device and start, with the new end. Of such
 * statements the latest counts, in whatever order they arrive.
 */
export class AddressHistory {
  /** Bounded by the index that holds it. */
  readonly #statements = new Map<string, Binding>()
  /** Made when first asked for after a change: most addresses are never asked for. */
  #intervals: IntervalList<BoundTo> | null = null

  /** Takes a binding; gives back the one that it displaced: itself, if a later one is known. */
  add(binding: Binding): Binding | null {
    const key = `${binding.source} ${binding.valid_from} ${holderKey(binding)}`
    const known = this.#statements.get(key)
    if (known && !isLater(binding, known)) return binding
    this.#statements.set(key, binding)
    this.#intervals = null
    return known ?? null
  }

  /** Every device that ever had it. */
  holders(holderOf: HolderOf): string[] {
    const devices = [...this.#statements.values()].map((binding) => holderOf(binding).device_id)
    return [...new Set(devices)].filter((device) => device !== null)
  }

  /** Somebody who had it is known as another device now. */
  holdersChanged(): void {
    this.#intervals = null
  }

  containing(at: number, toleranceMs: number, holderOf: HolderOf): BoundTo[] {
    this.#intervals ??= new IntervalList(
      cutShort([...this.#statements.values()]).map(({ binding, to }) =>
        intervalOf(binding, to, holderOf(binding)),
      ),
    )
    return this.#intervals.containing(at, toleranceMs)
  }
}

/**
 * Where a server forgets when a stay began (Kea's cleanup keeps the last renewal only), its end is stated with a
 * later begin. So of two statements by the same source and names that overlap, and of which the later made one ends
 * sooner, both end there.
 */
function cutShort(bindings: readonly Binding[]): { binding: Binding; to: number }[] {
  const all = bindings.map((binding) => ({ binding, to: endOf(binding) }))
  if (all.length < 2) return all
  const bySaying = Map.groupBy(
    all.filter(({ binding }) => binding.device_id === null),
    ({ binding }) => `${binding.source} ${holderKey(binding)}`,
  )
  for (const said of bySaying.values()) {
    said.sort((a, b) => (a.binding.valid_from < b.binding.valid_from ? -1 : 1))
    // From the last begin back: the one that follows knows its own end by then.
    for (let i = said.length - 2; i >= 0; i--) {
      const [one, next] = [said[i], said[i + 1]] as [(typeof all)[0], (typeof all)[0]]
      const begins = Date.parse(next.binding.valid_from)
      const [ofOne, ofNext] = [one.binding.observed_at, next.binding.observed_at]
      if (ofNext > ofOne && begins <= one.to) one.to = Math.min(one.to, next.to)
      if (ofOne > ofNext && begins < one.to) next.to = Math.min(one.to, next.to)
    }
  }
  return all
}

/** Epoch milliseconds; Infinity for what lasts. */
export function endOf(binding: Binding): number {
  return binding.valid_to === null ? Number.POSITIVE_INFINITY : Date.parse(binding.valid_to)
}

function intervalOf(
  binding: Binding,
  to: number,
  { device_id, because, mac }: Holder,
): { from: number; to: number; value: BoundTo } {
  const { id, source, confidence, shared } = binding
  const from = Date.parse(binding.valid_from)
  const unknown = device_id === null ? { because, mac } : null
  const value = { binding_id: id, device_id, unknown, source, confidence, shared, from }
  return { from, to, value }
}

function isLater(one: Binding, other: Binding): boolean {
  if (one.observed_at !== other.observed_at) return one.observed_at > other.observed_at
  return one.id > other.id
}

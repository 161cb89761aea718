/** The bindings of one address or prefix over time. */
import type { Binding } from "../record/binding.ts"
import type { BoundTo } from "./choose-binding.ts"
import { IntervalList } from "./interval-list.ts"

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
    const key = `${binding.source} ${binding.valid_from} ${binding.device_id}`
    const known = this.#statements.get(key)
    if (known && !isLater(binding, known)) return binding
    this.#statements.set(key, binding)
    this.#intervals = null
    return known ?? null
  }

  /** Every device that ever had it. */
  holders(): string[] {
    return [...new Set([...this.#statements.values()].map((binding) => binding.device_id))]
  }

  containing(at: number, toleranceMs: number): BoundTo[] {
    this.#intervals ??= new IntervalList([...this.#statements.values()].map(intervalOf))
    return this.#intervals.containing(at, toleranceMs)
  }
}

/** Epoch milliseconds; Infinity for what lasts. */
export function endOf(binding: Binding): number {
  return binding.valid_to === null ? Number.POSITIVE_INFINITY : Date.parse(binding.valid_to)
}

function intervalOf(binding: Binding): { from: number; to: number; value: BoundTo } {
  const { id, device_id, source, confidence, shared } = binding
  const from = Date.parse(binding.valid_from)
  const value = { binding_id: id, device_id, source, confidence, shared, from }
  return { from, to: endOf(binding), value }
}

function isLater(one: Binding, other: Binding): boolean {
  if (one.observed_at !== other.observed_at) return one.observed_at > other.observed_at
  return one.id > other.id
}

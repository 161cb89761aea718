/**
 * Finds the first of many ordered things that match a connection without asking each of them.
 *
 * In: conditions with their place in the order, and the facets to file them under. Out: the first
 * whose conditions all hold. It must not know rules, lists or register entries.
 */
import type { Condition } from "../conditions.ts"
import type { ConnectionView } from "../connection-view.ts"
import { type Dimension, type Facet, FacetTable } from "./facets.ts"

/** The lower `order` wins; of one order the lower `tie`. Both together are unique in an index. */
export interface Ranked<Value> {
  value: Value
  order: number
  tie: string
  conditions: readonly Condition[]
  facets: readonly Facet[]
}

/** So many things share a shelf before it is divided by their next facet: asking them is cheaper than
 * another table, and most shelves hold one. */
const few = 8

/** Holds what its owner adds: the settings and the register. Adding and removing cost what one thing
 * costs, however many there are, and leave what building anew would give. */
export class RankedIndex<Value> {
  readonly #all = new Set<Ranked<Value>>()
  readonly #root = new Shelf<Value>(0)

  constructor(things: Iterable<Ranked<Value>> = []) {
    for (const thing of things) this.add(thing)
  }

  get size(): number {
    return this.#all.size
  }

  /** In their order; sorted each time. */
  all(): Ranked<Value>[] {
    return [...this.#all].sort(compare)
  }

  add(thing: Ranked<Value>): void {
    this.#all.add(thing)
    this.#root.add(thing)
  }

  /** Takes the very object that was added. */
  remove(thing: Ranked<Value>): void {
    if (this.#all.delete(thing)) this.#root.remove(thing)
  }

  /** `now` is in epoch milliseconds. */
  first(view: ConnectionView, now: number): Ranked<Value> | null {
    let best: Ranked<Value> | null = null
    const look = (shelf: Shelf<Value>) => {
      for (const thing of shelf.here) {
        if (best !== null && compare(best, thing) <= 0) break
        if (!holds(thing.conditions, view, now)) continue
        best = thing
        break
      }
      if (shelf.tables) for (const table of shelf.tables.values()) table.visit(view, look)
    }
    look(this.#root)
    return best
  }
}

/** Things that have their first `depth` facets in common. */
class Shelf<Value> {
  /** All of them, in their order; where it is divided only those without a further facet. */
  readonly here: Ranked<Value>[] = []
  tables: Map<Dimension, FacetTable<Shelf<Value>>> | null = null
  readonly #depth: number

  constructor(depth: number) {
    this.#depth = depth
  }

  get empty(): boolean {
    return this.here.length === 0 && this.tables === null
  }

  add(thing: Ranked<Value>): void {
    const facet = thing.facets[this.#depth]
    if (facet && this.tables === null && this.here.length >= few) this.#divide()
    if (facet && this.tables) this.#file(thing, facet, this.tables)
    else insert(this.here, thing)
  }

  remove(thing: Ranked<Value>): void {
    const facet = thing.facets[this.#depth]
    const table = facet && this.tables?.get(facet.dimension)
    if (!facet || !this.tables) return extract(this.here, thing)
    if (!table) return
    for (const key of facet.keys) {
      const below = table.get(key)
      below?.remove(thing)
      if (below?.empty) table.delete(key)
    }
    if (table.empty) this.tables.delete(facet.dimension)
    if (this.tables.size === 0) this.tables = null
  }

  #divide(): void {
    this.tables = new Map()
    const before = this.here.splice(0)
    for (const thing of before) {
      const facet = thing.facets[this.#depth]
      if (facet) this.#file(thing, facet, this.tables)
      else this.here.push(thing)
    }
    if (this.tables.size === 0 && this.here.length === 0) this.tables = null
  }

  #file(
    thing: Ranked<Value>,
    { dimension, keys }: Facet,
    tables: Map<Dimension, FacetTable<Shelf<Value>>>,
  ): void {
    const table = tables.get(dimension) ?? new FacetTable<Shelf<Value>>(dimension)
    tables.set(dimension, table)
    for (const key of keys) {
      const below = table.get(key) ?? new Shelf<Value>(this.#depth + 1)
      table.set(key, below)
      below.add(thing)
    }
  }
}

function compare(a: Ranked<unknown>, b: Ranked<unknown>): number {
  return a.order - b.order || (a.tie < b.tie ? -1 : a.tie > b.tie ? 1 : 0)
}

/** Where a thing stands or belongs, by halving. */
function place(sorted: readonly Ranked<unknown>[], thing: Ranked<unknown>): number {
  let [from, to] = [0, sorted.length]
  while (from < to) {
    const middle = (from + to) >> 1
    const other = sorted[middle]
    if (other && compare(other, thing) < 0) from = middle + 1
    else to = middle
  }
  return from
}

function insert<Value>(sorted: Ranked<Value>[], thing: Ranked<Value>): void {
  sorted.splice(place(sorted, thing), 0, thing)
}

function extract<Value>(sorted: Ranked<Value>[], thing: Ranked<Value>): void {
  const at = place(sorted, thing)
  if (sorted[at] === thing) sorted.splice(at, 1)
}

function holds(conditions: readonly Condition[], view: ConnectionView, now: number): boolean {
  for (const condition of conditions) if (!condition.holds(view, now)) return false
  return true
}

/**
 * How much went through each running trial: what the store has summed up, and the hits that are read
 * but not committed yet. It is looked up and never added up here, so that a pass that is done again
 * counts nothing twice.
 */
import type { Store } from "../../evidence/store.ts"
import type { RegisterHit } from "../../evidence/tables.ts"
import type { Use } from "../../policy/trial/trial-step.ts"

/** Entries remembered, 100 bytes each: more than trials can run within two days. Beyond it all are
 * forgotten, and looked up again. */
const most = 10_000

export class UseMemory {
  readonly #store: Store
  readonly #committed = new Map<string, Use | null>()

  constructor(store: Store) {
    this.#store = store
  }

  /** What is known if these hits count as well. */
  with(hits: readonly RegisterHit[]): (entryId: string) => Use | null {
    const pending = Map.groupBy(hits, ({ entry_id }) => entry_id)
    return (id) => plus(this.#of(id), pending.get(id) ?? [])
  }

  /** After the commit of hits: their entries are looked up again. */
  committed(hits: readonly RegisterHit[]): void {
    for (const { entry_id } of hits) this.#committed.delete(entry_id)
  }

  #of(id: string): Use | null {
    const known = this.#committed.get(id)
    if (known !== undefined) return known
    if (this.#committed.size >= most) this.#committed.clear()
    const use = this.#store.registerUse([id]).get(id) ?? null
    this.#committed.set(id, use)
    return use
  }
}

function plus(use: Use | null, hits: readonly RegisterHit[]): Use | null {
  if (hits.length === 0) return use
  const first = hits.reduce((least, { at_ms }) => Math.min(least, at_ms), Number.POSITIVE_INFINITY)
  return {
    hits: (use?.hits ?? 0) + hits.filter(({ event }) => event === "open").length,
    bytes: (use?.bytes ?? 0) + hits.reduce((sum, { bytes }) => sum + Math.max(0, bytes), 0),
    first_ms: Math.min(use?.first_ms ?? first, first),
  }
}

/** Keeps what one source read: records, place and health, in one commit. */
import { isDeepStrictEqual } from "node:util"
import type { Store } from "../../evidence/store.ts"
import type { RecordOf } from "../../record/kinds.ts"
import { SourceHealth } from "../../record/source-health.ts"
import type { Batch, CollectedKind, Keeper, Kept } from "../../source/source.ts"

const inventory = ["devices", "postures", "apps"] as const
type InventoryKind = (typeof inventory)[number]

/** A place of more bytes is a fault of the reader. */
const longestPlace = 64 * 1024
/** Types that are counted apart. */
const mostTypes = 100

export interface KeeperParts {
  store: Store
  name: string
  kind: string
  tenant: string
  clock: () => number
}

/** Owned state: the health of its source, as stored. */
export class SourceKeeper implements Keeper {
  readonly #parts: KeeperParts
  #health: SourceHealth

  constructor(parts: KeeperParts) {
    this.#parts = parts
    const stored = parts.store.sources.all().find(({ name }) => name === parts.name)
    this.#health = SourceHealth.parse({ ...stored?.health, state: "starting", progress: null })
  }

  keep({ records = {}, place, seen = [], rejected = 0, unknown = [] }: Batch): Kept {
    const { store, name, kind, tenant, clock } = this.#parts
    if (place !== undefined && JSON.stringify(place).length > longestPlace)
      throw new Error(`source ${name}: its place is longer than ${longestPlace} bytes`)
    const kept = { added: 0, known: 0, conflicts: [] as string[] }
    let newest = this.#health.newest_at
    const health = store.transaction(() => {
      for (const [of, given] of Object.entries(records) as [CollectedKind, never][]) {
        const all: readonly RecordOf[CollectedKind][] = given
        for (const { observed_at } of all)
          if (newest === null || observed_at > newest) newest = observed_at
        const fresh = isInventory(of) ? all.filter((one) => !this.#inForce(of, one)) : all
        const count = store.append(of, fresh as never)
        kept.added += count.added
        kept.known += count.known + all.length - fresh.length
        kept.conflicts.push(...count.conflict_ids)
      }
      // A sweep lists whoever is there: of an erased device not even that is kept.
      const there = store.privacy.erasures.without(
        "devices",
        seen.map((device_id) => ({ tenant, device_id })),
      )
      const ids = there.map(({ device_id }) => device_id)
      store.sources.saw(name, tenant, ids, clock())
      const next = {
        ...this.#health,
        taken: this.#health.taken + kept.added,
        rejected: this.#health.rejected + rejected,
        unknown_types: counted(this.#health.unknown_types, unknown),
        newest_at: newest,
      }
      store.sources.put({ name, kind, health: next, updated_ms: clock() }, place)
      return next
    })
    this.#health = health
    return kept
  }

  place(): unknown {
    return this.#parts.store.sources.place(this.#parts.name)
  }

  tell(health: Partial<SourceHealth>): void {
    const { store, name, kind, clock } = this.#parts
    const next = SourceHealth.parse({ ...this.#health, ...health })
    if (isDeepStrictEqual(next, this.#health)) return
    this.#health = next
    store.sources.put({ name, kind, health: next, updated_ms: clock() }, undefined)
  }

  /** Whether what is in force says the same: a sweep of what has not changed stores nothing. An older
   * statement is history that is not known yet. */
  #inForce(kind: InventoryKind, record: RecordOf[CollectedKind]): boolean {
    const { store } = this.#parts
    const standing = store.inForce(kind, record as RecordOf[InventoryKind])
    if (standing === null || record.observed_at < standing.observed_at) return false
    return saysTheSame(standing, record)
  }
}

function counted(before: Record<string, number>, types: readonly string[]): Record<string, number> {
  const counts = new Map(Object.entries(before))
  for (const type of types)
    if (counts.has(type) || counts.size < mostTypes) counts.set(type, (counts.get(type) ?? 0) + 1)
  return Object.fromEntries(counts)
}

function isInventory(kind: CollectedKind): kind is InventoryKind {
  return (inventory as readonly string[]).includes(kind)
}

function saysTheSame(one: object, other: object): boolean {
  return isDeepStrictEqual(
    { ...one, id: "", observed_at: "" },
    { ...other, id: "", observed_at: "" },
  )
}

/**
 * How much each register entry was used, summed up beside it. The correlator adds what it has read
 * of `register_hits` in the commit that moves its cursor over them, so nothing is counted twice and
 * the rows may be forgotten afterwards.
 */
import type { Database } from "better-sqlite3"
import { prepared } from "./prepared.ts"
import type { RegisterHit } from "./tables.ts"

/** How far the correlator has summed up. */
export const cursorOfHits = "correlator/hits"

export interface Use {
  /** Connections that began. */
  hits: number
  /** Of those that ended, both directions. */
  bytes: number
  /** Epoch milliseconds; null while there was none (of imported use the first is not known). */
  first_ms: number | null
  last_ms: number | null
}

/** Adds hits to their entries; those of entries that are not there are left out. */
export function useRegister(db: Database, hits: readonly RegisterHit[]): void {
  const sql = `UPDATE register SET hits = hits + @hits, bytes = bytes + @bytes,
      first_hit_ms = min(coalesce(first_hit_ms, @first_ms), @first_ms),
      last_hit_ms = max(coalesce(last_hit_ms, @last_ms), @last_ms)
    WHERE id = @id`
  const ofEntry = Map.groupBy(hits, ({ entry_id }) => entry_id)
  for (const [id, all] of ofEntry) prepared(db, sql).run({ id, ...sumOf(all) })
}

export function registerUse(db: Database, ids: readonly string[]): Map<string, Use> {
  const sql = `SELECT hits, bytes, first_hit_ms AS first_ms, last_hit_ms AS last_ms
    FROM register WHERE id = ?`
  const found = new Map<string, Use>()
  for (const id of ids) {
    const use = prepared(db, sql).get(id) as Use | undefined
    if (use) found.set(id, use)
  }
  return found
}

function sumOf(hits: readonly RegisterHit[]): Use {
  const sum = { hits: 0, bytes: 0, first_ms: Number.MAX_SAFE_INTEGER, last_ms: 0 }
  for (const { event, at_ms, bytes } of hits) {
    if (event === "open") sum.hits += 1
    sum.bytes += Math.max(0, bytes)
    sum.first_ms = Math.min(sum.first_ms, at_ms)
    sum.last_ms = Math.max(sum.last_ms, at_ms)
  }
  return sum
}

/** What the watch over bypasses has found and remembers: drifts, and a profile for each bypass. */
import type { Database } from "better-sqlite3"
import type { Drift } from "../record/drift.ts"
import { prepared } from "./prepared.ts"

/** Drifts of one entry in an answer; beyond it the oldest are left out. */
const mostOfEntry = 1_000

/** The drifts of these entries, those of one entry together and oldest first. */
export function driftsOf(db: Database, entryIds: readonly string[]): Drift[] {
  const sql = `SELECT body FROM drifts WHERE entry_id = ?
    ORDER BY observed_ms DESC, seq DESC LIMIT ${mostOfEntry}`
  return entryIds.flatMap((id) => {
    const rows = prepared(db, sql).all(id) as { body: string }[]
    return rows.map(({ body }): Drift => JSON.parse(body)).reverse()
  })
}

/** What is remembered of the traffic of a bypass, opaque here; null if nothing is. */
export function bypassProfile(db: Database, entryId: string): unknown {
  const sql = "SELECT body FROM bypass_profiles WHERE entry_id = ?"
  const row = prepared(db, sql).get(entryId) as { body: string } | undefined
  return row ? JSON.parse(row.body) : null
}

/** One for each entry at most: it goes when the entry is removed. */
export function putBypassProfile(
  db: Database,
  entryId: string,
  body: unknown,
  nowMs: number,
): void {
  const sql = `INSERT INTO bypass_profiles (entry_id, updated_ms, body) VALUES (?, ?, ?)
    ON CONFLICT (entry_id) DO UPDATE SET updated_ms = excluded.updated_ms, body = excluded.body`
  prepared(db, sql).run(entryId, nowMs, JSON.stringify(body))
}

/** Who looked up what a pseudonym stands for: it only grows (triggers). */
import type { Database } from "better-sqlite3"
import { prepared } from "./prepared.ts"

export interface Reveal {
  at_ms: number
  who: string
  reason: string
  pseudonym: string
  found: boolean
}

export function noteReveal(db: Database, { at_ms, who, reason, pseudonym, found }: Reveal): void {
  const sql = "INSERT INTO reveals (at_ms, who, reason, pseudonym, found) VALUES (?, ?, ?, ?, ?)"
  prepared(db, sql).run(at_ms, who, reason, pseudonym, found ? 1 : 0)
}

/** Oldest first. */
export function reveals(db: Database): Reveal[] {
  const sql = "SELECT at_ms, who, reason, pseudonym, found FROM reveals ORDER BY seq"
  const rows = prepared(db, sql).all() as (Omit<Reveal, "found"> & { found: number })[]
  return rows.map((row) => ({ ...row, found: row.found === 1 }))
}

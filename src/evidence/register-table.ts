/**
 * The register of bypasses as stored: what is in force, who changed it, and a number that tells a
 * polling worker at once whether it has to look.
 */
import type { Database } from "better-sqlite3"
import type { RegisterEntry } from "../record/register-entry.ts"
import { canonicalJson } from "./canonical.ts"
import { prepared } from "./prepared.ts"
import { endMs } from "./serialise.ts"

export interface RegisterChange {
  seq: number
  at_ms: number
  who: string
  entry_id: string
  what: "added" | "changed" | "removed"
  reason: string | null
  before: RegisterEntry | null
  after: RegisterEntry | null
}

/** Entries that still splice at that time. */
export function registerEntries(db: Database, nowMs: number): RegisterEntry[] {
  const sql = "SELECT body FROM register WHERE expires_ms > ? ORDER BY seq"
  const bodies = prepared(db, sql).all(nowMs) as { body: string }[]
  return bodies.map(({ body }) => JSON.parse(body))
}

/** Grows with each change of the register, by whomever. */
export function registerRevision(db: Database): number {
  const sql = "SELECT value FROM meta WHERE name = 'register_revision'"
  return (prepared(db, sql).get() as { value: number }).value
}

/** Adds or replaces entries; an entry that is stored the same is no change. Returns the changes. */
export function putRegister(
  db: Database,
  entries: readonly RegisterEntry[],
  who: string,
  nowMs: number,
): { added: number; changed: number; known: number } {
  return db
    .transaction(() => {
      const count = { added: 0, changed: 0, known: 0 }
      for (const entry of entries) {
        const before = bodyOf(db, entry.id)
        const after = canonicalJson("register", entry)
        const what = before === null ? "added" : before === after ? "known" : "changed"
        count[what]++
        if (what === "known") continue
        prepared(db, upsert).run(
          entry.id,
          Date.parse(entry.observed_at),
          endMs(entry.expires_at),
          after,
        )
        audit(db, [nowMs, who, entry.id, what, entry.reason, before, after])
      }
      return count
    })
    .immediate()
}

/** Takes an entry out; the audit keeps it. False if there is none. */
export function removeRegister(
  db: Database,
  id: string,
  who: string,
  reason: string,
  nowMs: number,
): boolean {
  return db
    .transaction(() => {
      const before = bodyOf(db, id)
      if (before === null) return false
      prepared(db, "DELETE FROM register WHERE id = ?").run(id)
      audit(db, [nowMs, who, id, "removed", reason, before, null])
      return true
    })
    .immediate()
}

/** The history of the register, oldest first. */
export function registerAudit(db: Database, afterSeq: number, limit: number): RegisterChange[] {
  const sql = `SELECT seq, at_ms, who, entry_id, what, reason, before, after FROM register_audit
    WHERE seq > ? ORDER BY seq LIMIT ?`
  const rows = prepared(db, sql).all(afterSeq, limit) as (Omit<
    RegisterChange,
    "before" | "after"
  > & { before: string | null; after: string | null })[]
  return rows.map((row) => ({ ...row, before: parsed(row.before), after: parsed(row.after) }))
}

const upsert = `INSERT INTO register (id, observed_ms, expires_ms, body, revision)
  VALUES (?, ?, ?, ?, 1)
  ON CONFLICT (id) DO UPDATE SET observed_ms = excluded.observed_ms,
    expires_ms = excluded.expires_ms, body = excluded.body, revision = revision + 1`

function audit(db: Database, change: (string | number | null)[]): void {
  const sql = `INSERT INTO register_audit (at_ms, who, entry_id, what, reason, before, after)
    VALUES (?, ?, ?, ?, ?, ?, ?)`
  prepared(db, sql).run(...change)
  prepared(db, "UPDATE meta SET value = value + 1 WHERE name = 'register_revision'").run()
}

function bodyOf(db: Database, id: string): string | null {
  const row = prepared(db, "SELECT body FROM register WHERE id = ?").get(id)
  return (row as { body: string } | undefined)?.body ?? null
}

function parsed(body: string | null): RegisterEntry | null {
  return body === null ? null : JSON.parse(body)
}

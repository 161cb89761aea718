/**
 * The register of bypasses as stored: what is in force and what changed. Each change is audited in
 * its own transaction (register-audit.ts). How much an entry was used stands beside its body: it
 * moves with each connection and is no change of the bypass (register-use.ts).
 */
import type { Database } from "better-sqlite3"
import type { RegisterAct } from "../record/register-change.ts"
import { RegisterEntry } from "../record/register-entry.ts"
import { isCanonical } from "./canonical.ts"
import { prepared } from "./prepared.ts"
import { bodyText, writeAudit } from "./register-audit.ts"
import { endMs } from "./serialise.ts"

/** A row of the register as it is read. */
export interface EntryRow {
  body: string
  hits: number
  bytes: number
  last_hit_ms: number | null
}

/** An entry as it stands now. */
export interface ChangedEntry {
  /** Of its newest change among those that were asked for. */
  seq: number
  entry_id: string
  /** Null: it is gone. */
  entry: RegisterEntry | null
}

/** What a person (or the correlator) did, where that is more than "added" or "changed". */
export interface Act {
  what: RegisterAct
  reason: string
}

/** The columns of an EntryRow. */
export const entryColumns = "body, hits, bytes, last_hit_ms"

/** What workers decide by: made in the register, in force, not ended. */
export function registerEntries(db: Database, nowMs: number): RegisterEntry[] {
  const sql = `SELECT ${entryColumns} FROM register WHERE decides = 1 AND expires_ms > ? ORDER BY seq`
  return (prepared(db, sql).all(nowMs) as EntryRow[]).map(entryOf)
}

/** The entries that changed after a change, each once, in the order of their newest change. Proposals
 * and declared bypasses are among them. */
export function registerChangesAfter(db: Database, seq: number, limit: number): ChangedEntry[] {
  const sql = `SELECT max(seq) AS seq, entry_id FROM
      (SELECT seq, entry_id FROM register_audit WHERE seq > ? ORDER BY seq LIMIT ?)
    GROUP BY entry_id ORDER BY 1`
  const changed = prepared(db, sql).all(seq, limit) as { seq: number; entry_id: string }[]
  return changed.map((one) => ({ ...one, entry: registerEntry(db, one.entry_id) }))
}

export function registerEntry(db: Database, id: string): RegisterEntry | null {
  const row = rowOf(db, id)
  return row ? entryOf(row) : null
}

/**
 * Adds or replaces entries; an entry that is stored the same is no change. Returns the changes. The
 * use that an entry brings along is taken over when it is added, and left alone when it is there.
 */
export function putRegister(
  db: Database,
  entries: readonly RegisterEntry[],
  who: string,
  nowMs: number,
  act?: Act,
): { added: number; changed: number; known: number } {
  return db
    .transaction(() => {
      const count = { added: 0, changed: 0, known: 0 }
      for (const entry of entries) {
        const stood = rowOf(db, entry.id)
        const after = bodyText(entry)
        const what = !stood ? "added" : isSame(stood.body, after) ? "known" : "changed"
        count[what]++
        if (what === "known") continue
        write(db, entry, after)
        const done = what === "changed" && act ? act.what : what
        const reason = act?.reason ?? entry.reason
        writeAudit(db, {
          ...standing(stood),
          at_ms: nowMs,
          who,
          entry_id: entry.id,
          what: done,
          reason,
          after,
        })
      }
      return count
    })
    .immediate()
}

/** Takes an entry out, and what was summed up of it; the audit keeps it. False if there is none. */
export function removeRegister(
  db: Database,
  id: string,
  who: string,
  reason: string,
  nowMs: number,
): boolean {
  return db
    .transaction(() => {
      const stood = rowOf(db, id)
      if (!stood) return false
      prepared(db, "DELETE FROM register WHERE id = ?").run(id)
      prepared(db, "DELETE FROM bypass_profiles WHERE entry_id = ?").run(id)
      const change = {
        at_ms: nowMs,
        who,
        entry_id: id,
        what: "removed",
        reason,
        after: null,
      } as const
      writeAudit(db, { ...standing(stood), ...change })
      return true
    })
    .immediate()
}

/** Takes out at most so many entries that ended before a time; returns how many. Their audit stays.
 * `of`: of trials alone, of which there are many, or of all. */
export function removeEndedRegister(
  db: Database,
  beforeMs: number,
  limit: number,
  who: string,
  nowMs: number,
  of: "all" | "trials",
): number {
  return db
    .transaction(() => {
      const sql = `SELECT id FROM register WHERE expires_ms < ?
        ${of === "trials" ? "AND body ->> 'kind' = 'trial'" : ""} ORDER BY expires_ms LIMIT ?`
      const ids = prepared(db, sql).pluck().all(beforeMs, limit) as string[]
      for (const id of ids) removeRegister(db, id, who, "ended long ago; the audit keeps it", nowMs)
      return ids.length
    })
    .immediate()
}

/** The entry of a row: its body, what an older version had not, and its use. */
export function entryOf({ body, hits, bytes, last_hit_ms }: EntryRow): RegisterEntry {
  const last_hit_at = last_hit_ms === null ? null : new Date(last_hit_ms).toISOString()
  return withUse(JSON.parse(body), { hits, bytes, last_hit_at })
}

type Use = Pick<RegisterEntry, "hits" | "bytes" | "last_hit_at">

/** In the order of the schema. One that cannot be read at all stays as it is: it must not hide the
 * others, and policy says of each what it cannot use. */
function withUse(stored: RegisterEntry, use: Use): RegisterEntry {
  const { trial, learned, ...rest } = stored
  const entry = { ...rest, ...use, trial, learned }
  if (isCanonical("register", entry)) return entry
  const parsed = RegisterEntry.safeParse({ ...stored, ...use })
  return parsed.success ? parsed.data : entry
}

function write(db: Database, entry: RegisterEntry, body: string): void {
  const sql = `INSERT INTO register
    (id, observed_ms, expires_ms, body, revision, decides, hits, bytes, last_hit_ms)
    VALUES (?, ?, ?, ?, 1, ?, ?, ?, ?)
    ON CONFLICT (id) DO UPDATE SET observed_ms = excluded.observed_ms,
      expires_ms = excluded.expires_ms, body = excluded.body, revision = revision + 1,
      decides = excluded.decides`
  const decides = entry.source === "register" && entry.standing === "in-force" ? 1 : 0
  const lastHit = entry.last_hit_at === null ? null : Date.parse(entry.last_hit_at)
  const columns = [entry.id, Date.parse(entry.observed_at), endMs(entry.expires_at), body]
  prepared(db, sql).run(...columns, decides, entry.hits, entry.bytes, lastHit)
}

function rowOf(db: Database, id: string): EntryRow | undefined {
  const sql = `SELECT ${entryColumns} FROM register WHERE id = ?`
  return prepared(db, sql).get(id) as EntryRow | undefined
}

/** What the audit says of how it stood before the change. */
function standing(row: EntryRow | undefined) {
  const { body: before, hits, bytes, last_hit_ms } = row ?? nothing
  return { before, hits, bytes, last_hit_ms }
}

const nothing = { body: null, hits: null, bytes: null, last_hit_ms: null }

/** A body of an older version says the same if it does once it is filled in. */
function isSame(before: string, after: string): boolean {
  if (before === after) return true
  return bodyText(withUse(JSON.parse(before), { hits: 0, bytes: 0, last_hit_at: null })) === after
}

/**
 * The audit of the register: who did what to which bypass, when and why. It only grows (triggers),
 * and each row carries a hash over itself and the hash before it, so that what was altered, taken
 * out or put in between is found (`audit-check.ts`). A row is written in the transaction of the change it tells of;
 * writers take turns, so two processes cannot fork the chain.
 *
 * What the chain does not stop: who may write the file can make the whole of it anew. Against that
 * helps only a copy of its head elsewhere, which `pinsensor db check` prints.
 */
import { createHash } from "node:crypto"
import type { Database } from "better-sqlite3"
import { AuditedEntry, type RegisterAct, type RegisterChange } from "../record/register-change.ts"
import { canonicalJson } from "./canonical.ts"
import { prepared } from "./prepared.ts"

/** What is to be written; entries as their canonical JSON without use. */
export interface NewChange {
  at_ms: number
  who: string
  entry_id: string
  what: RegisterAct
  reason: string | null
  before: string | null
  after: string | null
  /** How much it had been used by then; null where it was new, and in rows of schema 1. */
  hits: number | null
  bytes: number | null
  last_hit_ms: number | null
}

export interface AuditRow extends NewChange {
  seq: number
  /** Null in rows from before the chain began. */
  hash: string | null
}

const columns = `seq, at_ms, who, entry_id, what, reason, before, after, hits, bytes, last_hit_ms,
  hash`

/** To be called in the transaction that makes the change, which must hold the write lock. */
export function writeAudit(db: Database, change: NewChange): void {
  const last = "SELECT seq, hash FROM register_audit ORDER BY seq DESC LIMIT 1"
  const before = prepared(db, last).get() as { seq: number; hash: string | null } | undefined
  const seq = (before?.seq ?? 0) + 1
  const hash = hashOf(before?.hash ?? "", { ...change, seq })
  const sql = `INSERT INTO register_audit (${columns}) VALUES (@seq, @at_ms, @who, @entry_id, @what,
    @reason, @before, @after, @hits, @bytes, @last_hit_ms, @hash)`
  prepared(db, sql).run({ ...change, seq, hash })
  prepared(db, "UPDATE meta SET value = value + 1 WHERE name = 'register_revision'").run()
}

/** Number of the newest change: 0 while there is none. It only grows, and is never given twice. */
export function registerAuditSeq(db: Database): number {
  const sql = "SELECT coalesce(max(seq), 0) FROM register_audit"
  return prepared(db, sql).pluck().get() as number
}

/** The history of the register, oldest first. */
export function registerAudit(db: Database, afterSeq: number, limit: number): RegisterChange[] {
  return auditRows(db, afterSeq, limit).map((row) => JSON.parse(changeText(row)))
}

/** Changes of one entry in an answer; beyond it the oldest are left out. */
const mostOfEntry = 1_000

/** What was done with one entry, oldest first. */
export function registerHistory(db: Database, entryId: string): RegisterChange[] {
  const sql = `SELECT ${columns} FROM register_audit WHERE entry_id = ?
    ORDER BY seq DESC LIMIT ${mostOfEntry}`
  const rows = prepared(db, sql).all(entryId) as AuditRow[]
  return rows.reverse().map((row) => JSON.parse(changeText(row)))
}

/** When each entry was last looked at by whom it concerns: made, reviewed, accepted, or renewed by
 * a person (the correlator's own renewals are no look). Epoch milliseconds. */
export function registerReviews(db: Database, entryIds: readonly string[]): Map<string, number> {
  const sql = `SELECT max(at_ms) FROM register_audit WHERE entry_id = ?
    AND (what IN ('added', 'reviewed', 'accepted') OR (what = 'renewed' AND who <> 'correlator'))`
  const found = new Map<string, number>()
  for (const id of entryIds) {
    const at = prepared(db, sql).pluck().get(id) as number | null
    if (at !== null) found.set(id, at)
  }
  return found
}

export function auditRows(
  db: Database,
  afterSeq: number,
  limit: number,
  sinceMs = Number.MIN_SAFE_INTEGER,
): AuditRow[] {
  const sql = `SELECT ${columns} FROM register_audit WHERE seq > ? AND at_ms >= ?
    ORDER BY seq LIMIT ?`
  return prepared(db, sql).all(afterSeq, sinceMs, limit) as AuditRow[]
}

/** The canonical JSON of a change. What has a hash goes out as it was hashed. */
export function changeText(row: AuditRow): string {
  if (row.hash === null) {
    const [before, after] = [filled(row.before), filled(row.after)]
    return `${hashedText({ ...row, before, after }).slice(0, -1)},"hash":null}`
  }
  return `${hashedText(row).slice(0, -1)},"hash":${JSON.stringify(row.hash)}}`
}

/** SHA-256 over the hash before it ("" for the first), a line feed and the change without hash. */
export function hashOf(previous: string, row: Omit<AuditRow, "hash">): string {
  return createHash("sha256")
    .update(`${previous}\n${hashedText(row)}`)
    .digest("hex")
}

/** Put together from text, since an entry has to go out as it was written, to the byte. */
export function hashedText(row: Omit<AuditRow, "hash">): string {
  const { tenant, site, sensor_id } = JSON.parse(row.after ?? row.before ?? "{}")
  const { seq, at_ms, entry_id, who, what, reason, before, after } = row
  const common = { tenant, site, sensor_id, v: 1, id: String(seq) }
  const head = { ...common, observed_at: iso(at_ms), entry_id, who, what, reason }
  const use = JSON.stringify(useOf(row))
  return `${JSON.stringify(head).slice(0, -1)},"before":${before},"after":${after},"use":${use}}`
}

function useOf({ hits, bytes, last_hit_ms }: Omit<AuditRow, "hash">): RegisterChange["use"] {
  if (hits === null || bytes === null) return null
  return { hits, bytes, last_hit_at: last_hit_ms === null ? null : iso(last_hit_ms) }
}

function iso(ms: number): string {
  return new Date(ms).toISOString()
}

/** An entry of an older version with what it had not yet. */
function filled(body: string | null): string | null {
  if (body === null) return null
  const parsed = AuditedEntry.safeParse(withoutUse(JSON.parse(body)))
  return parsed.success ? bodyText(parsed.data) : body
}

/** The canonical JSON of an entry without its use: what is stored, and what is audited. */
export function bodyText(entry: AuditedEntry): string {
  return canonicalJson(
    "register",
    withoutUse(entry) as Parameters<typeof canonicalJson<"register">>[1],
  )
}

function withoutUse(
  entry: AuditedEntry & { hits?: number; bytes?: number; last_hit_at?: unknown },
): AuditedEntry {
  const { hits, bytes, last_hit_at, ...body } = entry
  return body
}

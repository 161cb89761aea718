/**
 * Reading along: from a cursor, one record, or all of a kind.
 *
 * Writers take turns, so `seq` grows in the order of commits: who has read up to a seq has missed
 * nothing below it. A seq is never given twice (retention keeps the newest row of each table).
 */
import type { Database } from "better-sqlite3"
import type { Kind, RecordOf } from "../record/kinds.ts"
import { canonicalJson } from "./canonical.ts"
import { prepared } from "./prepared.ts"
import { auditRows, changeText, registerAudit } from "./register-audit.ts"
import { type EntryRow, entryColumns, entryOf, registerEntry } from "./register-table.ts"
import { type LogKind, type RegisterHit, tableOf } from "./tables.ts"

export interface Followed<K extends Kind> {
  seq: number
  record: RecordOf[K]
}

interface SeqBody {
  seq: number
  body: string
}

/** Records read at a time by `bodiesOf`: no read transaction outlives one step, because a long one
 * would keep the write-ahead log from being folded back. */
const step = 500

export function follow<K extends LogKind>(
  db: Database,
  kind: K,
  afterSeq: number,
  limit: number,
): Followed<K>[] {
  return after(db, kind, afterSeq, limit).map(({ seq, body }) => ({
    seq,
    record: JSON.parse(body),
  }))
}

export function lastSeq(db: Database, kind: LogKind): number {
  const sql = `SELECT coalesce(max(seq), 0) AS seq FROM ${tableOf(kind)}`
  return (prepared(db, sql).get() as { seq: number }).seq
}

export function get<K extends Kind>(db: Database, kind: K, id: string): RecordOf[K] | null {
  if (kind === "register") return registerEntry(db, id) as RecordOf[K] | null
  if (kind === "register-changes") return changeWithId(db, id) as RecordOf[K] | null
  const sql = `SELECT body FROM ${tableOf(kind)} WHERE id = ?`
  const row = prepared(db, sql).get(id) as { body: string } | undefined
  return row ? JSON.parse(row.body) : null
}

/** The canonical JSON of all records of a kind not observed before `sinceMs`, as stored. */
export function* bodiesOf(db: Database, kind: Kind, sinceMs = -Infinity): Generator<string> {
  const since = Math.max(sinceMs, Number.MIN_SAFE_INTEGER)
  let seq = firstSeq(db, kind, sinceMs) - 1
  for (;;) {
    const rows = after(db, kind, seq, step, since)
    for (const row of rows) yield row.body
    const last = rows.at(-1)
    if (!last) return
    seq = last.seq
  }
}

export function followHits(
  db: Database,
  afterSeq: number,
  limit: number,
): { seq: number; hit: RegisterHit }[] {
  const sql = `SELECT seq, entry_id, at_ms, event, sensor_id, connection_id, bytes
    FROM register_hits WHERE seq > ? ORDER BY seq LIMIT ?`
  const rows = prepared(db, sql).all(afterSeq, limit) as (RegisterHit & { seq: number })[]
  return rows.map(({ seq, ...hit }) => ({ seq, hit }))
}

/** The number of a change is its id. */
function changeWithId(db: Database, id: string): RecordOf["register-changes"] | null {
  const seq = /^\d{1,15}$/.test(id) ? Number(id) : 0
  return registerAudit(db, seq - 1, 1).find((change) => change.id === id) ?? null
}

function after(
  db: Database,
  kind: Kind,
  afterSeq: number,
  limit: number,
  sinceMs = Number.MIN_SAFE_INTEGER,
): SeqBody[] {
  if (kind === "register") return entriesAfter(db, afterSeq, limit, sinceMs)
  if (kind === "register-changes") return changesAfter(db, afterSeq, limit, sinceMs)
  const sql = `SELECT seq, body FROM ${tableOf(kind)}
    WHERE seq > ? AND observed_ms >= ? ORDER BY seq LIMIT ?`
  return prepared(db, sql).all(afterSeq, sinceMs, limit) as SeqBody[]
}

function entriesAfter(db: Database, afterSeq: number, limit: number, sinceMs: number): SeqBody[] {
  const sql = `SELECT seq, ${entryColumns} FROM register
    WHERE seq > ? AND observed_ms >= ? ORDER BY seq LIMIT ?`
  const rows = prepared(db, sql).all(afterSeq, sinceMs, limit) as (EntryRow & { seq: number })[]
  return rows.map(({ seq, ...row }) => ({ seq, body: canonicalJson("register", entryOf(row)) }))
}

function changesAfter(db: Database, afterSeq: number, limit: number, sinceMs: number): SeqBody[] {
  const rows = auditRows(db, afterSeq, limit, sinceMs)
  return rows.map((row) => ({ seq: row.seq, body: changeText(row) }))
}

/**
 * Where reading since a time has to begin. Without the hint SQLite would look for the least seq
 * from the beginning of the table; along the index it reads only what is young enough.
 */
function firstSeq(db: Database, kind: Kind, sinceMs: number): number {
  if (sinceMs === -Infinity) return 1
  if (kind !== "attempts" && kind !== "flows" && kind !== "app-events") return 1
  const table = tableOf(kind)
  const sql = `SELECT min(seq) AS seq FROM ${table} INDEXED BY ${table}_by_time
    WHERE observed_ms >= ?`
  return (prepared(db, sql).get(sinceMs) as { seq: number | null }).seq ?? Number.MAX_SAFE_INTEGER
}

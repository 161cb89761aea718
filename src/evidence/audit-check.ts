/**
 * Whether the audit of the register is as it was written, and the register is what its audit says.
 * Out: what is wrong, in words that name the row. See register-audit.ts for what this cannot find.
 */
import type { Database } from "better-sqlite3"
import { digestOf, redactedRows } from "./erase-rows.ts"
import { noEnd } from "./migrations.ts"
import { prepared } from "./prepared.ts"
import { type AuditRow, auditRows, hashedText, hashOf } from "./register-audit.ts"

export interface AuditCheck {
  problems: string[]
  rows: number
  /** Rows of which an erasure took a name out: their hash is that of what was written. */
  redacted: number
  /** Hash of the newest row: kept elsewhere, it shows a chain that was made anew as a whole. */
  head: string | null
}

/** Rows read at a time, and problems told of each sort. */
const step = 500
const mostTold = 100

export function checkAudit(db: Database): AuditCheck {
  // Read before the rows: what others add meanwhile only makes more of them.
  const written = metaOf(db, "register_revision")
  const unchained = metaOf(db, "register_audit_before_chain")
  const redacted = redactedRows(db, "register_audit")
  const problems: string[] = []
  let last = { seq: 0, hash: null as string | null }
  let rows = 0
  for (;;) {
    const read = auditRows(db, last.seq, step)
    for (const row of read) {
      problems.push(...gapBefore(row, last.seq), ...faultOf(row, last.hash, unchained, redacted))
      last = { seq: row.seq, hash: row.hash }
    }
    rows += read.length
    if (read.length < step) break
  }
  if (last.seq < written)
    problems.push(`register_audit: ${span(last.seq + 1, written)} taken out of its end`)
  const told = [...problems.slice(0, mostTold), ...registerProblems(db)]
  return { problems: told, rows, redacted: redacted.size, head: last.hash }
}

function gapBefore({ seq }: AuditRow, previous: number): string[] {
  return seq === previous + 1 ? [] : [`register_audit: ${span(previous + 1, seq - 1)} taken out`]
}

function span(from: number, to: number): string {
  return from === to ? `row ${from} was` : `rows ${from} to ${to} were`
}

function faultOf(
  row: AuditRow,
  previous: string | null,
  unchained: number,
  redacted: ReadonlyMap<number, string>,
): string[] {
  if (row.seq <= unchained) return row.hash === null ? [] : [`${named(row)} has a hash too early`]
  if (row.hash === null) return [`${named(row)} has lost its hash`]
  if (row.hash === hashIfReadable(row, previous ?? "")) return []
  if (redacted.has(row.seq) && redacted.get(row.seq) === digestIfReadable(row)) return []
  return [`${named(row)} is not what was written: it, or the row before it, was altered`]
}

function hashIfReadable(row: AuditRow, previous: string): string | null {
  try {
    return hashOf(previous, row)
  } catch {
    return null
  }
}

function digestIfReadable(row: AuditRow): string | null {
  try {
    return digestOf(hashedText(row))
  } catch {
    return null
  }
}

function named({ seq, entry_id, what, who }: AuditRow): string {
  return `register_audit: row ${seq} (${entry_id} ${what} by ${who})`
}

/** An entry that nobody put there by the way that is audited, or whose columns say other than it. */
function registerProblems(db: Database): string[] {
  const newest = "(SELECT max(seq) FROM register_audit WHERE entry_id = r.id)"
  const foreign = `SELECT r.id FROM register r LEFT JOIN register_audit a ON a.seq = ${newest}
    WHERE a.after IS NOT r.body ORDER BY r.seq LIMIT ${mostTold}`
  const gone = `SELECT a.entry_id FROM register_audit a WHERE a.after IS NOT NULL
    AND a.seq = (SELECT max(seq) FROM register_audit b WHERE b.entry_id = a.entry_id)
    AND NOT EXISTS (SELECT 1 FROM register WHERE id = a.entry_id) ORDER BY a.seq LIMIT ${mostTold}`
  const otherwise = `SELECT id FROM register WHERE
      expires_ms <> coalesce(
        CAST(round(unixepoch(body ->> 'expires_at', 'subsec') * 1000) AS INTEGER), ${noEnd})
      OR decides <> (coalesce(body ->> 'source', 'register') = 'register'
        AND coalesce(body ->> 'standing', 'in-force') = 'in-force')
    ORDER BY seq LIMIT ${mostTold}`
  const ids = (sql: string) => prepared(db, sql).pluck().all() as string[]
  return [
    ...ids(foreign).map((id) => `register: ${id} is not what its audit says`),
    ...ids(gone).map((id) => `register: ${id} was taken out past its audit`),
    ...ids(otherwise).map((id) => `register: the columns of ${id} say other than the entry`),
  ]
}

function metaOf(db: Database, name: string): number {
  return (prepared(db, "SELECT value FROM meta WHERE name = ?").pluck().get(name) as number) ?? 0
}

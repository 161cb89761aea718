/** Whether the database is sound and what is in it: `pinsensor db check`. */
import { statSync } from "node:fs"
import type { Database } from "better-sqlite3"
import { checkAudit } from "./audit-check.ts"
import { checkLabels } from "./labels.ts"
import { prepared } from "./prepared.ts"

export interface StoreCheck {
  ok: boolean
  /** What SQLite found wrong, and what of the register's audit is not as it was written, at most some
   * hundred lines; empty when ok. */
  problems: string[]
  /** Changes of the register that are audited, how many of them an erasure has rewritten, and the hash of the
   * newest: a copy of it elsewhere tells whether the whole chain was made anew. */
  audit: { rows: number; redacted: number; head: string | null }
  /** The same of what people said of findings. */
  labels: { rows: number; redacted: number; head: string | null }
  /** Version of the schema. */
  version: number
  /** Rows of each table that can be read. */
  counts: Record<string, number>
  /** Size of the database and of its write-ahead log. */
  bytes: number
  wal_bytes: number
}

/** Reads the whole file: about a second for each gigabyte. Others go on reading and writing. */
export function check(db: Database): StoreCheck {
  const problems = problemsOf(db)
  const counts: Record<string, number> = {}
  for (const table of tablesOf(db)) {
    const sql = `SELECT count(*) FROM ${table}`
    const count = attempted(() => prepared(db, sql).pluck().get() as number)
    if (typeof count === "number") counts[table] = count
    else problems.push(`${table}: ${count.message}`)
  }
  const audit = attempted(() => checkAudit(db))
  if (audit instanceof Error) problems.push(`register_audit: ${audit.message}`)
  else problems.push(...audit.problems)
  const labels = attempted(() => checkLabels(db))
  if (labels instanceof Error) problems.push(`labels: ${labels.message}`)
  else problems.push(...labels.problems)
  const unread = { rows: 0, redacted: 0, head: null }
  const told = ({ rows, redacted, head }: StoreCheck["audit"]) => ({ rows, redacted, head })
  return {
    ok: problems.length === 0,
    problems,
    audit: audit instanceof Error ? unread : told(audit),
    labels: labels instanceof Error ? unread : told(labels),
    version: prepared(db, "SELECT max(version) FROM migrations").pluck().get() as number,
    counts,
    bytes: size(db.name),
    wal_bytes: size(`${db.name}-wal`),
  }
}

function problemsOf(db: Database): string[] {
  const found = attempted(() => db.pragma("integrity_check(100)") as { integrity_check: string }[])
  const orphans = attempted(() => db.pragma("foreign_key_check") as { table: string }[])
  return [
    ...(found instanceof Error ? [found.message] : found.map((row) => row.integrity_check)),
    ...(orphans instanceof Error
      ? [orphans.message]
      : orphans.slice(0, 100).map((row) => `a row of ${row.table} refers to nothing`)),
  ].filter((line) => line !== "ok")
}

function tablesOf(db: Database): string[] {
  const sql = `SELECT name FROM sqlite_schema
    WHERE type = 'table' AND name NOT LIKE 'sqlite_%' ORDER BY name`
  return prepared(db, sql).pluck().all() as string[]
}

/** On a damaged page a question cannot be answered; the other answers are worth having still. */
function attempted<T>(question: () => T): T | Error {
  try {
    return question()
  } catch (error) {
    return error instanceof Error ? error : new Error(String(error))
  }
}

function size(path: string): number {
  return statSync(path, { throwIfNoEntry: false })?.size ?? 0
}

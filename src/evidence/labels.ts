/**
 * What people said of findings, as an audit: statements only grow (triggers), and each row carries a hash over
 * the hash before it, who brought it in, and itself, so that what was altered, taken out or put in between
 * is found. Writers take turns, so two processes cannot fork the chain. What a chain cannot stop: see
 * register-audit.ts; its head is printed by `pinsensor db check`.
 */
import { createHash } from "node:crypto"
import type { Database } from "better-sqlite3"
import { digestOf, redactedRows } from "./erase-rows.ts"
import { prepared } from "./prepared.ts"

interface Row {
  seq: number
  entered_by: string
  hash: string
  body: string
}

/** False if the id is taken. To be called in a transaction that holds the write lock. */
export function addLabel(
  db: Database,
  { id, observedMs, body }: { id: string; observedMs: number; body: string },
  enteredBy: string,
): boolean {
  if (prepared(db, "SELECT 1 FROM labels WHERE id = ?").get(id) !== undefined) return false
  const last = "SELECT seq, hash FROM labels ORDER BY seq DESC LIMIT 1"
  const before = prepared(db, last).get() as { seq: number; hash: string } | undefined
  const hash = hashOf(before?.hash ?? "", enteredBy, body)
  const sql = `INSERT INTO labels (seq, id, observed_ms, entered_by, hash, body)
    VALUES (?, ?, ?, ?, ?, ?)`
  prepared(db, sql).run((before?.seq ?? 0) + 1, id, observedMs, enteredBy, hash, body)
  prepared(db, "UPDATE meta SET value = value + 1 WHERE name = 'labels_written'").run()
  return true
}

function hashOf(previous: string, enteredBy: string, body: string): string {
  return createHash("sha256").update(`${previous}\n${enteredBy}\n${body}`).digest("hex")
}

export interface LabelCheck {
  problems: string[]
  rows: number
  /** Rows of which an erasure took a name out. */
  redacted: number
  head: string | null
}

/** Rows read at a time, and problems told. */
const step = 500
const mostTold = 100

/** Whether all statements are as they were written. */
export function checkLabels(db: Database): LabelCheck {
  // Read before the rows: what others add meanwhile only makes more of them.
  const count = "SELECT value FROM meta WHERE name = 'labels_written'"
  const written = (prepared(db, count).pluck().get() as number | undefined) ?? 0
  const redacted = redactedRows(db, "labels")
  const problems: string[] = []
  let last: Pick<Row, "seq"> & { hash: string | null } = { seq: 0, hash: null }
  let rows = 0
  for (;;) {
    const sql = "SELECT seq, entered_by, hash, body FROM labels WHERE seq > ? ORDER BY seq LIMIT ?"
    const read = prepared(db, sql).all(last.seq, step) as Row[]
    for (const row of read) {
      if (row.seq !== last.seq + 1) problems.push(`labels: ${span(last.seq + 1, row.seq - 1)} out`)
      const isWritten = row.hash === hashOf(last.hash ?? "", row.entered_by, row.body)
      if (!isWritten && redacted.get(row.seq) !== digestOf(row.body))
        problems.push(
          `labels: row ${row.seq} is not what was written: it, or the row before it, was altered`,
        )
      last = row
    }
    rows += read.length
    if (read.length < step) break
  }
  if (last.seq < written) problems.push(`labels: ${span(last.seq + 1, written)} out of its end`)
  return { problems: problems.slice(0, mostTold), rows, redacted: redacted.size, head: last.hash }
}

function span(from: number, to: number): string {
  return from === to ? `row ${from} was taken` : `rows ${from} to ${to} were taken`
}

/**
 * The outbox: which alert still has to reach which sink. Written in the commit that writes the
 * alert, so neither exists without the other, whenever the process dies.
 */
import type { Database } from "better-sqlite3"
import type { Alert } from "../record/alert.ts"
import { prepared } from "./prepared.ts"

export interface OutboxRow {
  seq: number
  alert: Alert
  /** Tries that failed so far. */
  attempts: number
  created_ms: number
}

export interface SinkDepth {
  sink: string
  pending: number
  sent: number
  /** Given up because the outbox was full; they stay in `alerts`. */
  dead: number
}

/** Pending alerts a sink may have; beyond it the oldest are given up (`dead`) and counted. */
export const outboxLimit = 100_000

/** False if this alert was enqueued for the sink before, sent or not. */
export function enqueue(
  db: Database,
  alertId: string,
  sink: string,
  nowMs: number,
  limit: number,
): boolean {
  return db
    .transaction(() => {
      const sql = `INSERT INTO outbox (alert_id, sink, state, attempts, next_ms, created_ms)
        VALUES (?, ?, 'pending', 0, ?, ?) ON CONFLICT (alert_id, sink) DO NOTHING`
      const added = prepared(db, sql).run(alertId, sink, nowMs, nowMs).changes === 1
      if (added) giveUpOldest(db, sink, limit)
      return added
    })
    .immediate()
}

/**
 * The head of a sink's queue, in order, up to the first row whose time has not come: an alert that
 * waits for its next try is not overtaken.
 */
export function dueOutbox(db: Database, sink: string, nowMs: number, limit: number): OutboxRow[] {
  const sql = `SELECT outbox.seq, attempts, next_ms, created_ms, body FROM outbox
    JOIN alerts ON alerts.id = alert_id
    WHERE sink = ? AND state = 'pending' ORDER BY outbox.seq LIMIT ?`
  const rows = prepared(db, sql).all(sink, limit) as (Omit<OutboxRow, "alert"> & {
    next_ms: number
    body: string
  })[]
  const waits = rows.findIndex((row) => row.next_ms > nowMs)
  return rows
    .slice(0, waits === -1 ? rows.length : waits)
    .map(({ seq, body, attempts, created_ms }) => ({
      seq,
      alert: JSON.parse(body),
      attempts,
      created_ms,
    }))
}

export function markSent(db: Database, seq: number, nowMs: number): void {
  const sql = `UPDATE outbox SET state = 'sent', sent_ms = ?, last_error = NULL
    WHERE seq = ? AND state <> 'sent'`
  prepared(db, sql).run(nowMs, seq)
}

/** The try failed; the next one is at `nextMs`. The error is cut at 500 characters. */
export function markFailed(db: Database, seq: number, nextMs: number, error: string): void {
  const sql = `UPDATE outbox SET attempts = attempts + 1, next_ms = ?, last_error = ?
    WHERE seq = ? AND state = 'pending'`
  prepared(db, sql).run(nextMs, error.slice(0, 500), seq)
}

export function outboxDepth(db: Database): SinkDepth[] {
  const sql = `SELECT sink, sum(state = 'pending') AS pending, sum(state = 'sent') AS sent,
      sum(state = 'dead') AS dead FROM outbox GROUP BY sink ORDER BY sink`
  return prepared(db, sql).all() as SinkDepth[]
}

function giveUpOldest(db: Database, sink: string, limit: number): void {
  const pending = "SELECT count(*) FROM outbox WHERE sink = ? AND state = 'pending'"
  const over = (prepared(db, pending).pluck().get(sink) as number) - limit
  if (over <= 0) return
  const sql = `UPDATE outbox SET state = 'dead', last_error = 'the outbox of this sink was full'
    WHERE seq IN (SELECT seq FROM outbox WHERE sink = ? AND state = 'pending'
      ORDER BY seq LIMIT ?)`
  prepared(db, sql).run(sink, over)
}

/**
 * Reading facts in the order in which they happened, whenever they came. Intervals are half open,
 * [from, to), in epoch milliseconds of event time.
 */
import type { Database } from "better-sqlite3"
import type { RecordOf } from "../record/kinds.ts"
import { prepared } from "./prepared.ts"
import { tableOf } from "./tables.ts"

/** Facts that have a time of their own and an index of it. */
export type TimedKind = "attempts" | "flows" | "app-events"

/** Facts read at a time: no read transaction outlives one step, because a long one would keep the
 * write-ahead log from being folded back. */
const step = 500

interface TimedBody {
  seq: number
  observed_ms: number
  body: string
}

/** Facts of one time are in the order they came. */
export function* inTime<K extends TimedKind>(
  db: Database,
  kind: K,
  from: number,
  to: number,
): Generator<RecordOf[K]> {
  const table = tableOf(kind)
  const sql = `SELECT seq, observed_ms, body FROM ${table} INDEXED BY ${table}_by_time
    WHERE (observed_ms, seq) > (?, ?) AND observed_ms < ? ORDER BY observed_ms, seq LIMIT ${step}`
  let last = { observed_ms: from, seq: -1 }
  for (;;) {
    const rows = prepared(db, sql).all(last.observed_ms, last.seq, to) as TimedBody[]
    for (const { body } of rows) yield JSON.parse(body)
    const end = rows.at(-1)
    if (!end) return
    last = end
  }
}

/** When the first fact at or after a time was observed; null if there is none. */
export function firstTime(db: Database, kind: TimedKind, from: number): number | null {
  const sql = `SELECT min(observed_ms) FROM ${tableOf(kind)} WHERE observed_ms >= ?`
  return prepared(db, sql).pluck().get(from) as number | null
}

/** When the last fact before a time was observed; null if there is none. */
export function lastTime(db: Database, kind: TimedKind, to: number): number | null {
  const sql = `SELECT max(observed_ms) FROM ${tableOf(kind)} WHERE observed_ms < ?`
  return prepared(db, sql).pluck().get(to) as number | null
}

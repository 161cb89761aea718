/**
 * Forgetting facts, a little at a time: one call is one short transaction, so writers never wait
 * long. What still tells something is kept whatever its age: the newest statement on a device, its
 * posture or an app, a binding that had not ended, a use of the register that is not summed up yet,
 * and the newest row of each table (so that no seq is given twice).
 */
import type { Database } from "better-sqlite3"
import { overtaken } from "./ask.ts"
import { prepared } from "./prepared.ts"
import { cursorOfHits } from "./register-use.ts"
import { type FactKind, tableOf } from "./tables.ts"

/** Uses of the register are kept at least until they are summed up: where the correlator has read. */
const summedUp = `(SELECT coalesce(max(seq), 0) FROM cursors WHERE name = '${cursorOfHits}')`
/** Uses that are kept whatever time a sensor's clock gave them. */
const mostHits = 1_000_000

/** Rows that may go: observed (bindings: ended) before a time, at most so many. */
const forgettable: Record<FactKind | "register-hits", string> = {
  attempts: `SELECT seq FROM attempts WHERE observed_ms < ?
    AND seq < (SELECT max(seq) FROM attempts) ORDER BY observed_ms LIMIT ?`,
  flows: `SELECT seq FROM flows WHERE observed_ms < ?
    AND seq < (SELECT max(seq) FROM flows) ORDER BY observed_ms LIMIT ?`,
  "app-events": `SELECT seq FROM app_events WHERE observed_ms < ?
    AND seq < (SELECT max(seq) FROM app_events) ORDER BY observed_ms LIMIT ?`,
  devices: overtaken("devices"),
  postures: overtaken("postures"),
  apps: overtaken("apps"),
  bindings: `SELECT seq FROM bindings WHERE valid_to_ms < ?
    AND seq < (SELECT max(seq) FROM bindings) ORDER BY valid_to_ms LIMIT ?`,
  drifts: `SELECT seq FROM drifts WHERE observed_ms < ?
    AND seq < (SELECT max(seq) FROM drifts) ORDER BY observed_ms LIMIT ?`,
  "register-hits": `WITH asked (before_ms, most) AS (VALUES (?, ?))
    SELECT seq FROM (SELECT seq, at_ms FROM register_hits WHERE seq <= ${summedUp}
      ORDER BY seq LIMIT (SELECT most FROM asked))
    WHERE (at_ms < (SELECT before_ms FROM asked) OR seq < ${summedUp} - ${mostHits})
    AND seq < (SELECT max(seq) FROM register_hits)`,
}

/** Deletes at most `limit` rows; returns how many. 0 means there is nothing left to forget. */
export function retain(
  db: Database,
  kind: FactKind | "register-hits",
  beforeMs: number,
  limit: number,
): number {
  const table = kind === "register-hits" ? "register_hits" : tableOf(kind)
  const sql = `DELETE FROM ${table} WHERE seq IN (${forgettable[kind]})`
  return prepared(db, sql).run(beforeMs, limit).changes
}

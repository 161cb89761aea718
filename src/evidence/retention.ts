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

export type ForgottenKind =
  | FactKind
  | "findings"
  | "incidents"
  | "alerts"
  | "sightings"
  | "register-hits"

/** Rows that may go: observed (bindings: ended) before a time, at most so many. */
const forgettable: Record<Exclude<ForgottenKind, "sightings">, string> = {
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
  findings: `SELECT seq FROM findings WHERE observed_ms < ? AND body ->> '$.state' = 'closed' LIMIT ?`,
  // One that was lately told of is kept with its alerts.
  incidents: `SELECT seq FROM incidents WHERE observed_ms < ? AND body ->> '$.state' = 'closed' LIMIT ?`,
  alerts: `SELECT seq FROM alerts a WHERE observed_ms < ? AND seq < (SELECT max(seq) FROM alerts)
    AND NOT EXISTS (SELECT 1 FROM outbox WHERE alert_id = a.id AND state = 'pending')
    AND NOT EXISTS (SELECT 1 FROM incidents i WHERE i.id = a.body ->> '$.incident_id'
      AND i.body ->> '$.state' = 'open') LIMIT ?`,
  "register-hits": `WITH asked (before_ms, most) AS (VALUES (?, ?))
    SELECT seq FROM (SELECT seq, at_ms FROM register_hits WHERE seq <= ${summedUp}
      ORDER BY seq LIMIT (SELECT most FROM asked))
    WHERE (at_ms < (SELECT before_ms FROM asked) OR seq < ${summedUp} - ${mostHits})
    AND seq < (SELECT max(seq) FROM register_hits)`,
}

/** Deletes at most `limit` rows; returns how many. 0 means there is nothing left to forget. */
export function retain(db: Database, kind: ForgottenKind, beforeMs: number, limit: number): number {
  if (kind === "sightings") return retainSightings(db, beforeMs, limit)
  if (kind === "alerts") return retainAlerts(db, beforeMs, limit)
  const table = kind === "register-hits" ? "register_hits" : tableOf(kind)
  const sql = `DELETE FROM ${table} WHERE seq IN (${forgettable[kind]})`
  return prepared(db, sql).run(beforeMs, limit).changes
}

/** With what is noted of their delivery, in one commit. */
function retainAlerts(db: Database, beforeMs: number, limit: number): number {
  return db
    .transaction(() => {
      const seqs = prepared(db, forgettable.alerts).pluck().all(beforeMs, limit) as number[]
      const sent = "DELETE FROM outbox WHERE alert_id = (SELECT id FROM alerts WHERE seq = ?)"
      for (const seq of seqs) {
        prepared(db, sent).run(seq)
        prepared(db, "DELETE FROM alerts WHERE seq = ?").run(seq)
      }
      return seqs.length
    })
    .immediate()
}

function retainSightings(db: Database, beforeMs: number, limit: number): number {
  const listed = `DELETE FROM inventory_seen WHERE (source, tenant, device_id) IN (
    SELECT source, tenant, device_id FROM inventory_seen WHERE seen_ms < ? LIMIT ?)`
  const gone = prepared(db, listed).run(beforeMs, limit).changes
  if (gone === limit) return gone
  const active = `DELETE FROM device_activity WHERE (tenant, device_id) IN (
    SELECT tenant, device_id FROM device_activity
    WHERE max(coalesce(traffic_ms, 0), coalesce(event_ms, 0)) < ? LIMIT ?)`
  return gone + prepared(db, active).run(beforeMs, limit - gone).changes
}

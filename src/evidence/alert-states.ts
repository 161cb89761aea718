/** What the outside was told of each incident, as alerting writes it; opaque here. */
import type { Database } from "better-sqlite3"
import { prepared } from "./prepared.ts"

export function alertState(db: Database, incidentId: string): unknown {
  const sql = "SELECT body FROM alert_states WHERE incident_id = ?"
  const row = prepared(db, sql).get(incidentId) as { body: string } | undefined
  return row ? JSON.parse(row.body) : null
}

export function putAlertState(
  db: Database,
  incidentId: string,
  state: unknown,
  revisitMs: number | null,
): void {
  const sql = `INSERT INTO alert_states (incident_id, revisit_ms, body) VALUES (?, ?, ?)
    ON CONFLICT (incident_id) DO UPDATE SET revisit_ms = excluded.revisit_ms, body = excluded.body`
  prepared(db, sql).run(incidentId, revisitMs, JSON.stringify(state))
}

export function dueAlertStates(db: Database, nowMs: number, limit: number): string[] {
  const sql = `SELECT incident_id FROM alert_states
    WHERE revisit_ms IS NOT NULL AND revisit_ms <= ? ORDER BY revisit_ms LIMIT ?`
  const rows = prepared(db, sql).all(nowMs, limit) as { incident_id: string }[]
  return rows.map((row) => row.incident_id)
}

/** What the outside was told of each incident, and what is spent of the day's budget, as alerting writes it;
 * opaque here. */
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

/** `farthestMs`: nothing is owed later than so long from now; what seems to be is of a clock that was set back. */
export function dueAlertStates(
  db: Database,
  nowMs: number,
  limit: number,
  farthestMs = Number.MAX_SAFE_INTEGER - nowMs,
): string[] {
  const sql = `SELECT incident_id FROM alert_states
    WHERE revisit_ms <= ? OR revisit_ms > ? ORDER BY revisit_ms LIMIT ?`
  const rows = prepared(db, sql).all(nowMs, nowMs + farthestMs, limit) as { incident_id: string }[]
  return rows.map((row) => row.incident_id)
}

/** Of each tenant that was ever told of. */
export function alertBudgets(db: Database): { tenant: string; body: unknown }[] {
  const rows = prepared(db, "SELECT tenant, body FROM alert_budgets ORDER BY tenant").all() as {
    tenant: string
    body: string
  }[]
  return rows.map(({ tenant, body }) => ({ tenant, body: JSON.parse(body) }))
}

export function putAlertBudget(db: Database, tenant: string, body: unknown): void {
  const sql = `INSERT INTO alert_budgets (tenant, body) VALUES (?, ?)
    ON CONFLICT (tenant) DO UPDATE SET body = excluded.body`
  prepared(db, sql).run(tenant, JSON.stringify(body))
}

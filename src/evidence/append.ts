/**
 * Appending: rows into their tables, one transaction a batch.
 *
 * Writing the same record twice changes nothing, so a batch whose acknowledgement was lost is
 * simply written again, and a file can be imported twice.
 */
import type { Database } from "better-sqlite3"
import { addLabel } from "./labels.ts"
import { prepared } from "./prepared.ts"
import { type AppendableKind, type Row, tableOf } from "./tables.ts"

export interface AppendCount {
  added: number
  /** Was there already, the same. */
  known: number
  /** Judgements only: a newer version took the place of the stored one. */
  updated: number
  /** The id is taken by another content; the stored record was kept. */
  conflicts: number
  /** Were not taken: their device was erased. Left out where there are none. */
  erased?: number
  /** Ids of the conflicts, at most as many as the batch had records. */
  conflict_ids: string[]
}

/** An app event is known by its id, or by its producer's: hence no target in its conflict clause. */
const inserts: Record<Exclude<Row["kind"], "labels">, string> = {
  attempts: `INSERT INTO attempts (id, observed_ms, client_ip, body)
    VALUES (?, ?, ?, ?) ON CONFLICT (id) DO NOTHING`,
  flows: `INSERT INTO flows (id, observed_ms, client_ip, body)
    VALUES (?, ?, ?, ?) ON CONFLICT (id) DO NOTHING`,
  "app-events": `INSERT INTO app_events (id, observed_ms, tenant, source, event_id, body)
    VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING`,
  devices: `INSERT INTO devices (id, observed_ms, tenant, device_id, body)
    VALUES (?, ?, ?, ?, ?) ON CONFLICT (id) DO NOTHING`,
  postures: `INSERT INTO postures (id, observed_ms, tenant, device_id, profile, body)
    VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT (id) DO NOTHING`,
  apps: `INSERT INTO apps (id, observed_ms, tenant, app_id, platform, signer_sha256, body)
    VALUES (?, ?, ?, ?, ?, ?, ?) ON CONFLICT (id) DO NOTHING`,
  bindings: `INSERT INTO bindings (id, observed_ms, address, valid_from_ms, valid_to_ms, body)
    VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT (id) DO NOTHING`,
  drifts: `INSERT INTO drifts (id, observed_ms, entry_id, body)
    VALUES (?, ?, ?, ?) ON CONFLICT (id) DO NOTHING`,
  alerts: `INSERT INTO alerts (id, observed_ms, body)
    VALUES (?, ?, ?) ON CONFLICT (id) DO NOTHING`,
  findings: `INSERT INTO findings (id, observed_ms, body, revision) VALUES (?, ?, ?, 1)
    ON CONFLICT (id) DO UPDATE SET
      observed_ms = excluded.observed_ms, body = excluded.body, revision = revision + 1
    WHERE body <> excluded.body RETURNING revision`,
  incidents: `INSERT INTO incidents (id, observed_ms, body, revision) VALUES (?, ?, ?, 1)
    ON CONFLICT (id) DO UPDATE SET
      observed_ms = excluded.observed_ms, body = excluded.body, revision = revision + 1
    WHERE body <> excluded.body RETURNING revision`,
  "coverage-acceptances": `INSERT INTO coverage_acceptances (id, observed_ms, body)
    VALUES (?, ?, ?) ON CONFLICT (id) DO NOTHING`,
  "baseline-changes": `INSERT INTO baseline_changes (id, observed_ms, body)
    VALUES (?, ?, ?) ON CONFLICT (id) DO NOTHING`,
  "register-hits": `INSERT INTO register_hits
    (entry_id, at_ms, event, sensor_id, connection_id, bytes)
    VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING`,
}

export function appendSerialised(db: Database, rows: readonly Row[]): AppendCount {
  return db
    .transaction(() => {
      const count: AppendCount = { added: 0, known: 0, updated: 0, conflicts: 0, conflict_ids: [] }
      for (const row of rows) appendRow(db, row, count)
      return count
    })
    .immediate()
}

function appendRow(db: Database, row: Row, count: AppendCount): void {
  if (row.kind === "labels") return appendLabel(db, row, count)
  const statement = prepared(db, inserts[row.kind])
  if (row.kind === "findings" || row.kind === "incidents") {
    const written = statement.get(...row.values) as { revision: number } | undefined
    count[written === undefined ? "known" : written.revision === 1 ? "added" : "updated"]++
  } else if (statement.run(...row.values).changes === 1) count.added++
  else if (row.kind === "register-hits" || sameAsStored(db, row.kind, row)) count.known++
  else {
    count.conflicts++
    count.conflict_ids.push(String(row.values[0]))
  }
}

/** By a way of its own: each carries a hash over the one before it. */
function appendLabel(db: Database, row: Row, count: AppendCount): void {
  const [id, observedMs, enteredBy, body] = row.values as [string, number, string, string]
  if (addLabel(db, { id, observedMs, body }, enteredBy)) count.added++
  else if (sameAsStored(db, "labels", row)) count.known++
  else {
    count.conflicts++
    count.conflict_ids.push(id)
  }
}

/** True also for an app event that is stored under another id: its producer's id made it known. */
function sameAsStored(db: Database, kind: AppendableKind, row: Row): boolean {
  const sql = `SELECT body FROM ${tableOf(kind)} WHERE id = ?`
  const stored = prepared(db, sql).get(row.values[0]) as { body: string } | undefined
  return stored === undefined || stored.body === row.values.at(-1)
}

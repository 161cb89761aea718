/**
 * In: a record. Out: the row that keeps it: id, event time, what queries look for, canonical JSON.
 * Knows nothing of connections or transactions, so sensor workers can do it before a row travels.
 */
import type { RecordOf } from "../record/kinds.ts"
import { canonicalJson } from "./canonical.ts"
import { noEnd } from "./migrations.ts"
import type { AppendableKind, RegisterHit, Row, SqlValue } from "./tables.ts"

/** The columns between `observed_ms` and `body`. */
const columns: { [K in AppendableKind]: (record: RecordOf[K]) => SqlValue[] } = {
  attempts: (attempt) => [attempt.client_ip],
  flows: (flow) => [flow.client_ip],
  "app-events": (event) => [event.tenant, event.source, event.event_id],
  devices: (device) => [device.tenant, device.device_id],
  postures: (posture) => [posture.tenant, posture.device_id, posture.profile],
  apps: (app) => [app.tenant, app.app_id, app.platform, app.signer_sha256],
  bindings: (binding) => [binding.address, Date.parse(binding.valid_from), endMs(binding.valid_to)],
  drifts: (drift) => [drift.entry_id],
  findings: () => [],
  incidents: () => [],
  alerts: () => [],
  /** Who brings it in, where nobody else is named (`Store.putLabels`). */
  labels: (label) => [label.who],
  "baseline-changes": () => [],
  "coverage-acceptances": () => [],
}

export function toRow<K extends AppendableKind>(kind: K, record: RecordOf[K]): Row {
  const values = columns[kind](record)
  values.unshift(record.id, Date.parse(record.observed_at))
  values.push(canonicalJson(kind, record))
  return { kind, values }
}

export function hitRow(hit: RegisterHit): Row {
  const { entry_id, at_ms, event, sensor_id, connection_id, bytes } = hit
  return {
    kind: "register-hits",
    values: [entry_id, at_ms, event, sensor_id, connection_id, bytes],
  }
}

/** The end of an interval in the form that compares: a date, or never. */
export function endMs(end: string | null): number {
  return end === null ? noEnd : Date.parse(end)
}

/**
 * Forgets a device in every kind, in many short transactions. Killed at any point it is begun again and
 * goes on: what tells which rows are meant (devices, bindings) goes last.
 */
import type { Config } from "../../config.ts"
import type { BodyTable } from "../../evidence/erase-rows.ts"
import { namesIn } from "../../evidence/erasures.ts"
import type { Store } from "../../evidence/store.ts"
import { DeviceIndex } from "../../identity/devices.ts"
import type { AppEvent } from "../../record/app-event.ts"
import type { Incident } from "../../record/incident.ts"
import { NameReplacer } from "../../record/replace-names.ts"
import { ownConnections } from "./connections.ts"
import type { NamesOfDevice } from "./device-names.ts"

export interface Forgetting {
  store: Store
  config: Config
  about: NamesOfDevice
  /** Id of the erasure, and who does it: for the audit. */
  erasureId: string
  who: string
  now: number
  /** Nothing is taken out: what would be is counted. */
  dryRun: boolean
  /** Told after each few hundred rows. */
  onProgress: (counts: Readonly<Record<string, number>>) => void
}

export function forgetDevice(parts: Forgetting): Record<string, number> {
  const { store, config, about, erasureId, dryRun, onProgress } = parts
  const { tenant } = config
  const { deviceId } = about
  const rows = store.privacy.eraseRows()
  const counts: Record<string, number> = {}
  const count = (what: string, by: number) => {
    counts[what] = (counts[what] ?? 0) + by
    if (by > 0) onProgress(counts)
  }
  const drop = (table: BodyTable, seqs: readonly number[]) =>
    count(table, dryRun ? seqs.length : rows.drop(table, seqs))
  const own = ownConnections(store, rows, config, deviceId)
  for (const table of ["attempts", "flows"] as const)
    for (const seqs of own.connections(table)) drop(table, seqs)
  const ofDevice = (table: "devices" | "postures") =>
    [...rows.bodies(table, "device_id = ? AND tenant = ?", deviceId, tenant)].map(({ seq }) => seq)
  drop("app_events", appEventsOf(parts))
  drop("postures", ofDevice("postures"))
  const gone = forgetFindings(parts, drop)
  for (const { incident, seq } of incidentsWithout(parts, gone)) {
    if (incident.device_count > 0) count("incidents_rewritten", 1)
    if (incident.device_count > 0) {
      if (!dryRun) rows.put("incidents", seq, JSON.stringify(incident))
      continue
    }
    if (!dryRun) rows.dropAlertState(incident.id)
    drop("incidents", [seq])
    gone.incidents.add(incident.id)
  }
  drop("alerts", alertsOf(parts, gone.incidents))
  if (!dryRun) {
    count("register_removed", endEntries(parts))
    const names = [...about.names.map(([, value]) => value), ...about.users]
    const instead = `erased-${erasureId}`
    const replacer = new NameReplacer(new Map(names.map((name) => [name, instead])))
    const change = (text: string) => replacer.inText(text)
    count("rewritten", rows.rewrite(change))
    count("redacted", rows.redact(erasureId, change))
    count("traces", rows.dropTraces(tenant, deviceId))
    // Connections of while this went on.
    for (const table of ["attempts", "flows"] as const)
      for (const seqs of own.connections(table)) drop(table, seqs)
  }
  drop("bindings", own.bindings)
  drop("devices", ofDevice("devices"))
  return counts
}

/** Events that the join places on the device. */
function appEventsOf({ store, config: { tenant }, about }: Forgetting): number[] {
  const devices = new DeviceIndex(store.eachCurrent("devices"), [], { tenant })
  const wanted = new Set(about.names.map(([name, value]) => `${name} ${value.toLowerCase()}`))
  const found: number[] = []
  for (const { seq, body } of store.privacy.eraseRows().bodies("app_events")) {
    const event: AppEvent = JSON.parse(body)
    if (event.tenant !== tenant) continue
    const named = namesIn("app-events", event).some(([name, value]) =>
      wanted.has(`${name} ${value.toLowerCase()}`),
    )
    if (named || devices.find(event.device).device_id === about.deviceId) found.push(seq)
  }
  return found
}

interface Gone {
  findings: Set<string>
  incidents: Set<string>
}

function forgetFindings(
  { store, about: { deviceId }, config: { tenant } }: Forgetting,
  drop: (table: BodyTable, seqs: readonly number[]) => void,
): Gone {
  const where = "body ->> '$.key.device_id' = ? AND body ->> '$.tenant' = ?"
  const found = [...store.privacy.eraseRows().bodies("findings", where, deviceId, tenant)]
  drop(
    "findings",
    found.map(({ seq }) => seq),
  )
  return { findings: new Set(found.map(({ body }) => JSON.parse(body).id)), incidents: new Set() }
}

/** Incidents that the device had a part in, as they are without it. */
function* incidentsWithout(
  { store, about: { deviceId }, config: { tenant } }: Forgetting,
  gone: Gone,
): Generator<{ incident: Incident; seq: number }> {
  for (const { seq, body } of [...store.privacy.eraseRows().bodies("incidents")]) {
    const incident: Incident = JSON.parse(body)
    const isMember =
      incident.device_ids.includes(deviceId) ||
      incident.finding_ids.some((id) => gone.findings.has(id))
    if (incident.tenant !== tenant || !isMember) continue
    const device_ids = incident.device_ids.filter((id) => id !== deviceId)
    const finding_ids = incident.finding_ids.filter((id) => !gone.findings.has(id))
    const lead = gone.findings.has(incident.lead_finding)
      ? (finding_ids[0] ?? incident.lead_finding)
      : incident.lead_finding
    const device_count = device_ids.length === 0 ? 0 : Math.max(1, incident.device_count - 1)
    yield {
      seq,
      incident: { ...incident, device_ids, finding_ids, device_count, lead_finding: lead },
    }
  }
}

/** Alerts that speak of the device itself, or of what nobody else has a part in. */
function alertsOf(
  { store, about: { deviceId }, config: { tenant } }: Forgetting,
  incidents: ReadonlySet<string>,
): number[] {
  const found: number[] = []
  for (const { seq, body } of store.privacy.eraseRows().bodies("alerts")) {
    const alert = JSON.parse(body)
    if (alert.tenant !== tenant) continue
    if (alert.device_id === deviceId || incidents.has(alert.incident_id)) found.push(seq)
  }
  return found
}

/** Bypasses of this device alone, so that workers drop them; the audit keeps that they were, without its name. */
function endEntries({
  store,
  about: { deviceId },
  erasureId,
  who,
  now,
  config,
}: Forgetting): number {
  const own = [...store.all("register")].filter(
    ({ scope, tenant }) => tenant === config.tenant && scope.device_id === deviceId,
  )
  for (const { id } of own) store.removeRegister(id, who, `erasure ${erasureId}`, now)
  return own.length
}

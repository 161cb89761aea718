/**
 * Incidents: findings of one (tenant, app or stack, registrable domain, analytic) over devices, the
 * unit of alerting.
 *
 * In: the findings of the incidents that are to be rolled up, and the incidents as they were. Out: these
 * incidents as they are now. It must not know alerts.
 */
import type { Finding } from "../record/finding.ts"
import type { Incident } from "../record/incident.ts"
import { IncidentFindings } from "./incident-findings.ts"
import { stableId } from "./stable-id.ts"

/** Who writes the incidents: it spans sites and sensors. */
export interface IncidentWriter {
  site: string
  sensor_id: string
}

/** An incident and the finding whose words it uses. */
export interface RolledUp {
  incident: Incident
  lead: Finding
}

/** The incident that a finding belongs to. */
export function incidentId({ tenant, analytic, key, registrable_domain }: Finding): string {
  const { app_id, stack } = key
  const actor = app_id === null ? `stack:${stack ?? ""}` : `app:${app_id}`
  return stableId([tenant, analytic, actor, registrable_domain])
}

/** Of all their findings at once. */
export function rollUp(
  findings: readonly Finding[],
  previous: readonly Incident[],
  writer: IncidentWriter,
): Incident[] {
  const before = new Map(previous.map((incident) => [incident.id, incident]))
  const groups = Map.groupBy(findings, incidentId)
  return [...groups]
    .flatMap(([id, group]) => {
      const kept = new IncidentFindings()
      for (const finding of group) kept.add(finding)
      return incidentOf(id, kept, before.get(id) ?? null, writer)?.incident ?? []
    })
    .sort((a, b) => (a.id < b.id ? -1 : 1))
}

/**
 * Open while one of its findings is open or held, and not silenced by a label; a closed incident keeps what it
 * last was. Findings under such a label are listed, and count for nothing else while there are others.
 */
export function incidentOf(
  id: string,
  findings: IncidentFindings,
  before: Incident | null,
  writer: IncidentWriter,
): RolledUp | null {
  const told = findings.told()
  if (!told) return null
  const { lead, confidence, severity, device_count, device_ids, finding_ids, last_seen } = told
  const incident: Incident = {
    tenant: lead.tenant,
    site: writer.site,
    sensor_id: writer.sensor_id,
    v: 1,
    id,
    observed_at: last_seen,
    analytic: lead.analytic,
    analytic_version: lead.analytic_version,
    app_id: lead.key.app_id,
    stack: lead.key.app_id === null ? lead.key.stack : null,
    registrable_domain: lead.registrable_domain,
    confidence,
    severity,
    state: told.open ? "open" : "closed",
    device_count,
    device_ids,
    finding_ids,
    lead_finding: lead.id,
    first_seen: before && before.first_seen < told.first_seen ? before.first_seen : told.first_seen,
    last_seen,
  }
  return { incident, lead }
}

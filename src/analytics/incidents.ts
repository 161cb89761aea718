/**
 * Incidents: findings of one (tenant, app or stack, registrable domain, analytic) over devices, the
 * unit of alerting.
 *
 * In: all stored findings of the incidents that are to be rolled up, and the incidents as they were.
 * Out: these incidents as they are now. It must not know alerts.
 */
import type { Finding } from "../record/finding.ts"
import type { Incident } from "../record/incident.ts"
import { isSurer } from "./confidence.ts"
import { stableId } from "./stable-id.ts"

/** At most so many devices and findings are listed; all are counted. */
const LISTED = 100

/** Who writes the incidents: it spans sites and sensors. */
export interface IncidentWriter {
  site: string
  sensor_id: string
}

/** The incident that a finding belongs to. */
export function incidentId(finding: Finding): string {
  return stableId(partsOf(finding))
}

function partsOf({ tenant, analytic, key, registrable_domain }: Finding): string[] {
  const { app_id, stack } = key
  const actor = app_id === null ? `stack:${stack ?? ""}` : `app:${app_id}`
  return [tenant, analytic, actor, registrable_domain]
}

export function rollUp(
  findings: readonly Finding[],
  previous: readonly Incident[],
  writer: IncidentWriter,
): Incident[] {
  const before = new Map(previous.map((incident) => [incident.id, incident]))
  // Hashed once a group: an incident may be of thousands of devices.
  const groups = Map.groupBy([...findings].sort(oldestFirst), (one) => JSON.stringify(partsOf(one)))
  return [...groups.values()]
    .map((group) => {
      const id = incidentId(group[0] as Finding)
      return incidentOf(id, group, before.get(id), writer)
    })
    .sort((a, b) => (a.id < b.id ? -1 : 1))
}

/** Open while one of its findings is open or held; a closed incident keeps what it last was. */
function incidentOf(
  id: string,
  group: readonly Finding[],
  before: Incident | undefined,
  writer: IncidentWriter,
): Incident {
  const live = group.filter((finding) => finding.state !== "closed")
  const told = live.length > 0 ? live : group
  const lead = told.reduce(surer)
  const devices = [...new Set(told.map((finding) => finding.key.device_id))]
  const first_seen = group.reduce(
    (least, each) => (each.first_seen < least ? each.first_seen : least),
    before?.first_seen ?? lead.first_seen,
  )
  const last_seen = group.reduce(
    (most, each) => (each.last_seen > most ? each.last_seen : most),
    lead.last_seen,
  )
  return {
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
    confidence: lead.confidence,
    severity: lead.severity,
    state: live.length > 0 ? "open" : "closed",
    device_count: devices.length,
    device_ids: devices.slice(0, LISTED),
    finding_ids: told.slice(0, LISTED).map((finding) => finding.id),
    lead_finding: lead.id,
    first_seen,
    last_seen,
  }
}

/** The surest leads; among these one that is not expected, then the earliest. `told` is in the order
 * of time, so the one that came first stays. */
function surer(lead: Finding, other: Finding): Finding {
  if (isSurer(other.confidence, lead.confidence)) return other
  if (isSurer(lead.confidence, other.confidence)) return lead
  return lead.expected && !other.expected ? other : lead
}

function oldestFirst(a: Finding, b: Finding): number {
  if (a.first_seen !== b.first_seen) return a.first_seen < b.first_seen ? -1 : 1
  return a.id < b.id ? -1 : 1
}

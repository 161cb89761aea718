/** Findings as they stand with all that was said of them by now, be the correlator running or not. */
import { AlertState } from "../../alert/raise.ts"
import { incidentId } from "../../analytics/incidents.ts"
import { LabelIndex, labelled } from "../../analytics/labels.ts"
import type { Config } from "../../config.ts"
import type { Store } from "../../evidence/store.ts"
import type { Finding } from "../../record/finding.ts"

export function labelsOf(store: Store): LabelIndex {
  const labels = new LabelIndex()
  labels.add(store.all("labels"))
  return labels
}

export function* findingsOf(store: Store, labels: LabelIndex, config: Config): Generator<Finding> {
  for (const finding of store.all("findings"))
    yield labelled(finding, labels, config.analytics.labels)
}

/** The finding that an id means: its own, that of an alert, or the lead of an incident. */
export function findingNamed(store: Store, id: string): Finding {
  const finding = store.get("findings", id)
  if (finding) return finding
  const alert = store.get("alerts", id)
  if (alert?.digest)
    throw new Error(
      `${id} is a digest of alerts that were held back; name one of its incidents: ${alert.digest.incident_ids.slice(0, 3).join(", ")}`,
    )
  const of = alert?.finding_id ?? store.get("incidents", id)?.lead_finding
  const lead = of === undefined ? null : store.get("findings", of)
  if (lead) return lead
  if (of !== undefined) throw new Error(`the finding of ${id}, ${of}, is stored no more`)
  throw new Error(
    `no finding, incident or alert has the id ${id}; \`pinsensor finding list --all\` shows them`,
  )
}

/** The one id that a verb is about. */
export function oneFinding(verb: string, ids: readonly string[]): string {
  const [id, ...more] = ids
  if (id === undefined || more.length > 0)
    throw new Error(
      `name one finding (or an alert or incident): pinsensor finding ${verb} ID (\`pinsensor finding list\` shows them)`,
    )
  return id
}

/** What the outside knows of the finding's incident: `opened`, ..., `held` by the budget, or nothing. */
export function toldOf(store: Store, finding: Finding): string | null {
  const state = AlertState.safeParse(store.alertState(incidentId(finding)))
  if (!state.success) return null
  return state.data.held ? "held" : (state.data.told?.news ?? null)
}

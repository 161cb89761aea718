/** What an id on the command line means: a finding, or the findings of an incident or an alert. */
import type { Store } from "../../evidence/store.ts"
import type { Finding } from "../../record/finding.ts"

export interface Named {
  kind: "finding" | "incident" | "alert"
  findings: Finding[]
}

export function named(store: Store, id: string): Named {
  const finding = store.get("findings", id)
  if (finding) return { kind: "finding", findings: [finding] }
  const alert = store.get("alerts", id)
  if (alert?.digest)
    throw new Error(
      `${id} is a digest of alerts that were held back; explain one of its incidents: ${alert.digest.incident_ids.slice(0, 3).join(", ")}`,
    )
  const incident = store.get("incidents", alert?.incident_id ?? id)
  if (!alert && !incident)
    throw new Error(
      `no finding, incident or alert has the id ${id}; list them with: pinsensor export findings (or incidents, alerts)`,
    )
  // An alert's own finding first: it is what the alert was about.
  const ids = new Set([...(alert ? [alert.finding_id] : []), ...(incident?.finding_ids ?? [])])
  const findings = [...ids].flatMap((each) => store.get("findings", each) ?? [])
  if (findings.length === 0)
    throw new Error(`the findings of ${alert ? "alert" : "incident"} ${id} are stored no more`)
  return { kind: alert ? "alert" : "incident", findings }
}

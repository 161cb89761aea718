/** A case as an analyst reads it: what `explain --json` prints, and what the text is made of. */
import type { Finding } from "../../record/finding.ts"
import { catalogueWords } from "./catalogue.ts"
import { type DecidedRow, decidedRow } from "./decided-row.ts"
import type { Case } from "./gather.ts"
import { type TimelineRow, timelineOf } from "./timeline.ts"

export interface Explanation {
  finding: Finding
  /** Attempts, flows and app events behind it, in the order of event time. */
  evidence: (Case["attempts"][number] | Case["flows"][number] | Case["app_events"][number])[]
  /** Ids whose records are stored no more. */
  forgotten: string[]
  decided: DecidedRow | null
  channels: (Finding["channels"][number] & { catalogue: string | null })[]
  timeline: TimelineRow[]
  /** As it was told of then. */
  device: Case["device"]
  /** Whose the addresses of its connections were, and which bindings were not believed. */
  addresses: Case["addresses"]
  /** As they were in force then. */
  postures: Case["postures"]
  incident: Case["incident"]
  alerts: Case["alerts"]
  register: Case["register"]
  drifts: Case["drifts"]
  labels: Case["labels"]
}

export function explanationOf(known: Case): Explanation {
  const { finding, attempts, flows, app_events } = known
  return {
    finding,
    evidence: [...attempts, ...flows, ...app_events].sort((a, b) =>
      a.observed_at < b.observed_at ? -1 : a.observed_at > b.observed_at ? 1 : 0,
    ),
    forgotten: known.forgotten,
    decided: decidedRow(finding),
    channels: finding.channels.map((each) => ({
      ...each,
      catalogue: catalogueWords(finding.analytic, each.channel),
    })),
    timeline: timelineOf(known),
    device: known.device,
    addresses: known.addresses,
    postures: known.postures,
    incident: known.incident,
    alerts: known.alerts,
    register: known.register,
    drifts: known.drifts,
    labels: known.labels,
  }
}

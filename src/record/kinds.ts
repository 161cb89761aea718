/** Every kind of record under the plural name that export and the tables use. */
import { Alert } from "./alert.ts"
import { App } from "./app.ts"
import { AppEvent } from "./app-event.ts"
import { Attempt } from "./attempt.ts"
import { BaselineChange } from "./baseline-change.ts"
import { Binding } from "./binding.ts"
import { CoverageAcceptance } from "./coverage-gap.ts"
import { Device } from "./device.ts"
import { Drift } from "./drift.ts"
import { Finding } from "./finding.ts"
import { Flow } from "./flow.ts"
import { Incident } from "./incident.ts"
import { Label } from "./label.ts"
import { Posture } from "./posture.ts"
import { RegisterChange } from "./register-change.ts"
import { RegisterEntry } from "./register-entry.ts"

/** Kind in the plural -> the name of one in an exported line, and its schema. */
export const kinds = {
  attempts: { record: "attempt", schema: Attempt },
  flows: { record: "flow", schema: Flow },
  "app-events": { record: "app-event", schema: AppEvent },
  devices: { record: "device", schema: Device },
  postures: { record: "posture", schema: Posture },
  apps: { record: "app", schema: App },
  bindings: { record: "binding", schema: Binding },
  register: { record: "register", schema: RegisterEntry },
  "register-changes": { record: "register-change", schema: RegisterChange },
  drifts: { record: "drift", schema: Drift },
  findings: { record: "finding", schema: Finding },
  incidents: { record: "incident", schema: Incident },
  alerts: { record: "alert", schema: Alert },
  labels: { record: "label", schema: Label },
  "baseline-changes": { record: "baseline-change", schema: BaselineChange },
  "coverage-acceptances": { record: "coverage-acceptance", schema: CoverageAcceptance },
} as const

export type Kind = keyof typeof kinds

/** The record type of each kind. */
export interface RecordOf {
  attempts: Attempt
  flows: Flow
  "app-events": AppEvent
  devices: Device
  postures: Posture
  apps: App
  bindings: Binding
  register: RegisterEntry
  "register-changes": RegisterChange
  drifts: Drift
  findings: Finding
  incidents: Incident
  alerts: Alert
  labels: Label
  "baseline-changes": BaselineChange
  "coverage-acceptances": CoverageAcceptance
}

export const kindNames = Object.keys(kinds) as Kind[]

/** The kind whose exported lines carry this `record`, if any. */
export function kindOfRecord(record: string): Kind | undefined {
  return kindNames.find((kind) => kinds[kind].record === record)
}

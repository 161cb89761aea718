/** What the correlator knows at one moment: what `correlate` takes. */
import type { BudgetInput } from "./alert/budget.ts"
import type { RaiseInput } from "./alert/raise.ts"
import type { RolledUp } from "./analytics/incidents.ts"
import type { DeviceJudgement } from "./analytics/judge.ts"
import type { LabelIndex } from "./analytics/labels.ts"
import type { Config } from "./config.ts"
import type { TrialStep } from "./policy/trial/trial-step.ts"
import type { JudgementContext } from "./record/attributed.ts"
import type { Finding } from "./record/finding.ts"
import type { Incident } from "./record/incident.ts"

export interface World {
  config: Config
  /** Who writes judgements. */
  writer: { tenant: string; site: string; sensor_id: string }
  /** Wall clock in epoch milliseconds: for trials and suppression, never for verdicts. */
  now: number
  /** An id that is the same for the same key, however often it is asked. */
  newId: (key: string) => string
  /** Devices with news, and their evidence as it was joined. */
  devices: readonly { device_id: string; judge(context: JudgementContext): DeviceJudgement }[]
  /** What people said of findings. */
  labels: LabelIndex
  /** What each tenant has spent of its alerts a day. */
  budgets: BudgetInput["states"]
  /** Findings about the sensor itself that are new or changed, and those that stand under another label now. */
  operational: readonly Finding[]
  /** What control needs beside the judgements. */
  register: Omit<TrialStep, "judgements" | "settings" | "common" | "now" | "newId">
  contextOf(deviceId: string): JudgementContext
  /** Findings that are stored of a device. */
  findingsOf(deviceId: string): readonly Finding[]
  /** Incidents whose suppressed news has fallen due. */
  dueIncidents: readonly string[]
  /** These incidents as they will be with findings that have just changed. */
  rollUp(changed: readonly Finding[], incidents: ReadonlySet<string>): RolledUp[]
  /** What an alert needs to know of an incident beside itself. */
  told(incident: Incident, lead: Finding): Pick<RaiseInput, "lead" | "device" | "previous">
}

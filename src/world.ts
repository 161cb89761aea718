/** What the correlator knows at one moment: what `correlate` takes. */
import type { RaiseInput } from "./alert/raise.ts"
import type { Config } from "./config.ts"
import type { JoinInput } from "./identity/join.ts"
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
  /** Devices with news: their connections and events, and who is who. */
  devices: readonly JoinInput[]
  /** Findings about the sensor itself that are new or changed. */
  operational: readonly Finding[]
  /** What control needs beside the judgements. */
  register: Omit<TrialStep, "judgements" | "settings" | "common" | "now" | "newId">
  contextOf(deviceId: string): JudgementContext
  /** Findings that are stored of a device. */
  findingsOf(deviceId: string): readonly Finding[]
  /** Incidents whose suppressed news has fallen due. */
  dueIncidents: readonly string[]
  /** All findings of some incidents, those that have just changed in their new version. */
  withChanged(changed: readonly Finding[], incidents: ReadonlySet<string>): Finding[]
  /** These incidents as they were. */
  incidents(ids: ReadonlySet<string>): Incident[]
  /** What an alert needs to know of an incident beside itself. */
  told(
    incident: Incident,
    findings: readonly Finding[],
  ): Pick<RaiseInput, "lead" | "device" | "previous">
}

/**
 * The way of the data, as one sentence in two halves. A sensor worker turns connections into facts;
 * the correlator turns facts into judgements and alerts. Between them stand the store and, the only
 * way back, the register.
 */
import { type Budgeted, withinBudget } from "./alert/budget.ts"
import { raise } from "./alert/raise.ts"
import { incidentId } from "./analytics/incidents.ts"
import { labelled } from "./analytics/labels.ts"
import { settle } from "./analytics/settle.ts"
import type { Recorder } from "./evidence/recorder.ts"
import type { ListenerSettings } from "./intercept/listeners.ts"
import { OpenSplices } from "./intercept/open-splices.ts"
import type { Sensor } from "./intercept/sensor.ts"
import type { SensorDeps } from "./intercept/sensor-deps.ts"
import type { Policy } from "./policy/prepare.ts"
import { stepTrials, type TrialOutcome } from "./policy/trial/trial.ts"
import type { Drift } from "./record/drift.ts"
import type { Finding } from "./record/finding.ts"
import type { World } from "./world.ts"

type Parts = Omit<SensorDeps, "policy" | "splices" | "onAttempt" | "onFlow" | "onHit"> & {
  watch: { readonly current: Policy }
  recorder: Recorder
}

/** client connection -> observe -> policy -> intercept -> evidence. What talks to clients is loaded
 * here, so that the correlator, which needs the other half, starts without it. */
export async function sense(
  listeners: readonly ListenerSettings[],
  { watch, recorder, ...deps }: Parts,
): Promise<Sensor> {
  const { startSensor } = await import("./intercept/sensor.ts")
  const policy = () => watch.current
  return startSensor(listeners, {
    ...deps,
    policy,
    splices: new OpenSplices({ ...deps, policy }),
    onAttempt: (attempt) => recorder.record("attempts", attempt),
    onFlow: (flow) => recorder.record("flows", flow),
    onHit: (hit) => recorder.recordHit(hit),
  })
}

/** What came of the news, to be written in one commit. */
export interface Judged extends Budgeted {
  findings: Finding[]
  /** What has become different of pairs that are allowed or baseline. */
  drifts: Drift[]
  trials: TrialOutcome
}

/** evidence -> identity -> analytics -> alert, and the register for policy. */
export function correlate(world: World): Judged {
  const { config, now } = world
  const label = (one: Finding) => labelled(one, world.labels, config.analytics.labels)
  const judged = world.devices.map((device) => {
    const { device_id } = device
    const judgement = device.judge(world.contextOf(device_id))
    return { ...judgement, findings: settle(world.findingsOf(device_id), judgement, label) }
  })
  const judgements = judged.flatMap((device) => device.judgements)
  const findings = [...world.operational, ...judged.flatMap((device) => device.findings)]
  const affected = new Set([...findings.map(incidentId), ...world.dueIncidents])
  const candidates = world.rollUp(findings, affected).map(({ incident, lead }) => {
    const told = world.told(incident, lead)
    const raised = raise({ ...told, incident, settings: config.alerts, now })
    return { incident, lead, raised }
  })
  const { register, newId, budgets: states, writer: common } = world
  const { site, sensor_id } = common
  const writer = { site, sensor_id }
  const alerted = withinBudget({ candidates, states, settings: config.alerts, writer, now })
  const step = { ...register, judgements, settings: config.control, common, now, newId }
  const drifts = judged.flatMap((device) => device.drifts)
  return { ...alerted, findings, drifts, trials: stepTrials(step) }
}

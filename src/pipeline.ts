/**
 * The way of the data, as one sentence in two halves. A sensor worker turns connections into facts;
 * the correlator turns facts into judgements and alerts. Between them stand the store and, the only
 * way back, the register.
 */
import { type Raised, raise } from "./alert/raise.ts"
import { incidentId, rollUp } from "./analytics/incidents.ts"
import { judgeDevice } from "./analytics/judge.ts"
import { settle } from "./analytics/settle.ts"
import type { Recorder } from "./evidence/recorder.ts"
import { joinDevice } from "./identity/join.ts"
import type { ListenerSettings } from "./intercept/listeners.ts"
import { OpenSplices } from "./intercept/open-splices.ts"
import { type Sensor, startSensor } from "./intercept/sensor.ts"
import type { SensorDeps } from "./intercept/sensor-deps.ts"
import type { Policy } from "./policy/prepare.ts"
import { stepTrials, type TrialOutcome } from "./policy/trial/trial.ts"
import type { Finding } from "./record/finding.ts"
import type { Incident } from "./record/incident.ts"
import type { World } from "./world.ts"

type Parts = Omit<SensorDeps, "policy" | "splices" | "onAttempt" | "onFlow" | "onHit"> & {
  watch: { readonly current: Policy }
  recorder: Recorder
}

/** client connection -> observe -> policy -> intercept -> evidence. */
export function sense(
  listeners: readonly ListenerSettings[],
  { watch, recorder, ...deps }: Parts,
): Promise<Sensor> {
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
export interface Judged {
  findings: Finding[]
  incidents: { incident: Incident; raised: Raised }[]
  trials: TrialOutcome
}

/** evidence -> identity -> analytics -> alert, and the register for policy. */
export function correlate(world: World): Judged {
  const { config, now } = world
  const judged = world.devices.map(joinDevice).map((evidence) => {
    const { device_id } = evidence
    const judgement = judgeDevice(evidence, world.contextOf(device_id), config.analytics)
    return { ...judgement, findings: settle(world.findingsOf(device_id), judgement) }
  })
  const judgements = judged.flatMap((device) => device.judgements)
  const findings = [...world.operational, ...judged.flatMap((device) => device.findings)]
  const affected = new Set([...findings.map(incidentId), ...world.dueIncidents])
  const all = world.withChanged(findings, affected)
  const incidents = rollUp(all, world.incidents(affected), world.writer).map((incident) => {
    const told = world.told(incident, all)
    return { incident, raised: raise({ ...told, incident, settings: config.alerts, now }) }
  })
  const { register, newId, writer: common } = world
  const step = { ...register, judgements, settings: config.control, common, now, newId }
  return { findings, incidents, trials: stepTrials(step) }
}

/**
 * Whether the sensor itself is at fault: refusals rose across devices and destinations after a change
 * of its CA, leaf profile or configuration. Then nothing that it saw refused is accused, and the operator is paged.
 *
 * In: recent attempts of all devices of one tenant. Out: the faults, one of a sensor at most, and which keys they
 * silence. It must not know what was found of devices.
 */
import { type Attempt, isRefusal } from "../record/attempt.ts"
import type { Attributed } from "../record/attributed.ts"
import type { Finding } from "../record/finding.ts"
import { byTime } from "./bucket.ts"
import { destinationOf } from "./destination.ts"
import { type Epoch, epochKey } from "./epoch.ts"
import type { Sighting } from "./sighting.ts"
import { stableId } from "./stable-id.ts"

export const sensorFaultRule = { id: "sensor-fault", version: "1" } as const

/** One device or one destination may have its own reason; these many at once have ours. */
const DEVICES_MIN = 3
const DESTINATIONS_MIN = 3
/** Of the pairs of device and destination that decided: refused at least so many after the change, */
const SHARE_AFTER = 0.5
/** and at least so many times the share before it. */
const RISE = 3

export interface SensorFault {
  /** The sensor and the epoch that began it (`faultKey`). */
  key: string
  sensor_id: string
  tenant: string
  site: string
  /** From what to what: the epoch in force before, and the one that began the fault. */
  before: Epoch
  after: Epoch
  /** Epoch milliseconds of the first and last attempt after the change. */
  since_ms: number
  last_ms: number
  /** Epoch milliseconds of the last refusal after the change. */
  last_refused_ms: number
  devices: number
  destinations: number
  refused_before: number
  refused_after: number
  evidence_ids: string[]
}

interface Seen {
  id: string
  start: number
  end: number
  pair: string
  device: string
  destination: string
  refused: boolean
  fact: Attempt
}

/** The newest change of each sensor is looked at; in the order of sensors. Attempts that decided nothing (idle,
 * abandoned, origin's fault) are not asked. */
export function sensorFaults(attempts: readonly Attributed<Attempt>[]): SensorFault[] {
  const bySensor = Map.groupBy(attempts.flatMap(see), ({ fact }) => fact.sensor_id)
  return [...bySensor.keys()]
    .sort()
    .flatMap((sensor) => faultOf((bySensor.get(sensor) ?? []).sort(byTime)) ?? [])
}

/** One string for a sensor in an epoch: a fault is of one sensor, and of what it did since its change. */
export function faultKey(of: Epoch & { sensor_id: string }): string {
  return `${epochKey(of)}|${of.sensor_id}`
}

/** Whether any of these was refused where a sensor was at fault (`faultKey`): then the refusals of the key say nothing. */
export function isSilenced(
  attempts: readonly Pick<Sighting<Attempt>, "fact">[],
  faults: ReadonlySet<string>,
): boolean {
  if (faults.size === 0) return false
  return attempts.some(({ fact }) => isRefusal(fact.outcome) && faults.has(faultKey(fact)))
}

function faultOf(seen: readonly Seen[]): SensorFault | null {
  const newest = seen.at(-1)
  if (!newest) return null
  const now = epochKey(newest.fact)
  const change = seen.findLastIndex(({ fact }) => epochKey(fact) !== now)
  const before = seen.slice(0, change + 1)
  const after = seen.slice(change + 1)
  const [first] = after
  const old = before.at(-1)
  if (!first || !old) return null
  const refused = after.filter((each) => each.refused)
  const devices = new Set(refused.map((each) => each.device)).size
  const destinations = new Set(refused.map((each) => each.destination)).size
  const refused_before = shareRefused(before)
  const refused_after = shareRefused(after)
  const rose = refused_after >= SHARE_AFTER && refused_after >= RISE * refused_before
  if (!rose || devices < DEVICES_MIN || destinations < DESTINATIONS_MIN) return null
  return {
    key: faultKey(newest.fact),
    sensor_id: newest.fact.sensor_id,
    tenant: newest.fact.tenant,
    site: newest.fact.site,
    before: { issuing_ca: old.fact.issuing_ca, sensor_config: old.fact.sensor_config },
    after: { issuing_ca: newest.fact.issuing_ca, sensor_config: newest.fact.sensor_config },
    since_ms: first.start,
    last_ms: newest.start,
    last_refused_ms: refused.at(-1)?.start ?? newest.start,
    devices,
    destinations,
    refused_before,
    refused_after,
    evidence_ids: refused.slice(0, 200).map((each) => each.id),
  }
}

/** Share of pairs (device, destination) that refused and never accepted: a retry loop is one pair. */
function shareRefused(seen: readonly Seen[]): number {
  const pairs = new Map<string, boolean>()
  for (const { pair, refused } of seen) pairs.set(pair, (pairs.get(pair) ?? true) && refused)
  const refused = [...pairs.values()].filter((only) => only).length
  return pairs.size === 0 ? 0 : refused / pairs.size
}

function see({ fact, who }: Attributed<Attempt>): Seen[] {
  const refused = isRefusal(fact.outcome) && fact.strength === "strong"
  if (!refused && fact.outcome !== "accepted") return []
  const start = Date.parse(fact.observed_at)
  const destination = destinationOf(fact)
  const device = who.device_id
  const pair = `${device}|${destination}`
  return [{ id: fact.id, start, end: start, pair, device, destination, refused, fact }]
}

/** The operational finding that pages the operator: sent, unlike those about devices. */
export function sensorFaultFinding(fault: SensorFault): Finding {
  const last_seen = new Date(fault.last_ms).toISOString()
  const percent = (share: number) => `${Math.round(share * 100)} %`
  return {
    tenant: fault.tenant,
    site: fault.site,
    sensor_id: fault.sensor_id,
    v: 1,
    id: stableId([fault.tenant, sensorFaultRule.id, fault.sensor_id, epochKey(fault.after)]),
    observed_at: last_seen,
    analytic: sensorFaultRule.id,
    analytic_version: sensorFaultRule.version,
    key: {
      device_id: `sensor:${fault.sensor_id}`,
      profile: "device",
      app_id: null,
      app_version: null,
      stack: null,
      destination: "*",
    },
    platform: "unknown",
    registrable_domain: "*",
    verdict: "undetermined",
    confidence: "high",
    severity: "high",
    channels: [],
    app_attribution: "unknown",
    device_attribution: "absent",
    expected: false,
    reasons: [
      `Refusals rose from ${percent(fault.refused_before)} to ${percent(fault.refused_after)} of the pairs ` +
        `of device and destination after a change of CA or configuration: ${fault.devices} devices, ` +
        `${fault.destinations} destinations.`,
      "Nothing that it saw refused is accused while it lasts. Look at the CA's distribution and the leaf's profile.",
    ],
    confounders_ruled_out: [],
    would_raise: [],
    would_refute: ["Acceptances under the new CA and configuration."],
    evidence_ids: fault.evidence_ids,
    refusals: fault.evidence_ids.length,
    control_flows: 0,
    first_seen: new Date(fault.since_ms).toISOString(),
    last_seen,
    state: "open",
    app_signer: null,
    label: null,
  }
}

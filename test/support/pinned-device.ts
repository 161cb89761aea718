/**
 * Records that end in an alert without waiting for a trial: a managed Android phone whose app
 * accepts the inspection CA at two places, refuses one, works there when spliced, refuses again.
 */
import type { Attempt, Outcome } from "../../src/record/attempt.ts"
import type { Flow } from "../../src/record/flow.ts"
import type { RecordOf } from "../../src/record/kinds.ts"
import { app, attempt, dayStart, device, flow, posture } from "./records.ts"

export interface PinnedDevice {
  devices: RecordOf["devices"][]
  postures: RecordOf["postures"][]
  apps: RecordOf["apps"][]
  bindings: RecordOf["bindings"][]
  attempts: Attempt[]
  flows: Flow[]
}

export interface Whose {
  tenant: string
  site: string
}

const minute = 60_000

/** `name` makes it one of its own: device, address, app and domain. `end`: epoch milliseconds. */
export function pinnedDevice(name: string, address: string, end: number, of: Whose): PinnedDevice {
  const ids = (kind: string, index: number | string) => `${kind}-${name}-${index}`
  const ms = (minutesBefore: number) => end - dayStart - minutesBefore * minute
  const observed_at = new Date(end - 60 * minute).toISOString()
  const common = { ...of, observed_at }
  const device_id = `phone-${name}`
  const app_id = `com.example.${name}`
  const from = { ...of, client_ip: address, connect_user_agent: `${name}/1.0` }
  const managed = { app_id, name: null, version: "1.0", signer_sha256: null, managed: true }
  const target = `api.${name}.example`
  const visits: [string, number, Outcome][] = [
    ["www.news.example", 30, "accepted"],
    ["cdn.maps.example", 29, "accepted"],
    [target, 25, "refused-alert"],
    [target, 23, "refused-alert"],
    [target, 21, "refused-alert"],
    [target, 10, "refused-alert"],
  ]
  return {
    devices: [device({ ...common, id: ids("device", 0), device_id })],
    postures: [posture({ ...common, id: ids("posture", 0), device_id, apps: [managed] })],
    apps: [
      app({ ...common, id: ids("app", 0), app_id, category: "game", user_agents: [`${name}/*`] }),
    ],
    bindings: [
      {
        ...common,
        sensor_id: "vpn",
        v: 1,
        id: ids("binding", 0),
        realm: null,
        address,
        valid_from: observed_at,
        valid_to: null,
        device_id,
        source: "vpn",
        confidence: 0.9,
        shared: false,
        names: null,
        flags: [],
      },
    ],
    attempts: visits.map(([sni, before, outcome], index) =>
      attempt(sni, ms(before), outcome, { ...from, id: ids("attempt", index) }),
    ),
    flows: [18, 16].map((before) =>
      flow(target, ms(before), {
        ...from,
        id: ids("flow", before),
        register_entry: `trial-${name}`,
      }),
    ),
  }
}

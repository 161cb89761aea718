/**
 * What MDM, the network and mobile EDR say of the cast, as lines for `pinsensor import`. The times are
 * arguments; everything else comes from the cast.
 */
import { type AppName, apps, type DeviceId, devices, type Host } from "./cast.ts"

type Line = Record<string, unknown>

/** Known for some time before the first connection, in milliseconds. */
const knownBefore = 60_000

/** Devices, where they are, what MDM says of them, and the app register. */
export function inventory(now: number): Line[] {
  const observed_at = new Date(now - knownBefore).toISOString()
  const ofDevices = Object.values(devices).flatMap((device): Line[] => {
    const { device_id, platform, user, address, supervised, inspection_ca } = device
    return [
      { record: "device", observed_at, device_id, platform, user },
      {
        record: "binding",
        observed_at,
        device_id,
        address,
        valid_from: observed_at,
        source: "vpn",
      },
      { record: "posture", observed_at, device_id, managed: true, supervised, inspection_ca },
    ]
  })
  const register = Object.values(apps).map(
    ({ app_id, name, platform, category, user_agent }): Line => ({
      record: "app",
      observed_at,
      app_id,
      name,
      platform,
      category,
      user_agents: [user_agent],
    }),
  )
  return [...ofDevices, ...register]
}

/** EDR saw the app connect to these hosts just now, from the background of a locked phone. */
export function connectEvents(
  device: DeviceId,
  app: AppName,
  to: readonly Host[],
  now: number,
): Line[] {
  const state = { app_state: "background", device_locked: true, recent_user_interaction: false }
  return [
    { ...eventOf(device, app, "app_state", now), state },
    ...to.map((host) => ({
      ...eventOf(device, app, `network_connect ${host}`, now),
      type: "network_connect",
      dest: { host },
    })),
  ]
}

/** EDR saw the app compare a pin before it connected: a batch may tell it long after. */
export function pinComparison(device: DeviceId, app: AppName, host: Host, at: number): Line[] {
  return [
    {
      ...eventOf(device, app, "tls_trust_customization", at),
      dest: { host },
      trust: { kind: "pin_comparison", evidence: "runtime" },
    },
  ]
}

function eventOf(device_id: DeviceId, app: AppName, type: string, at: number): Line {
  return {
    record: "app-event",
    observed_at: new Date(at).toISOString(),
    event_id: `${device_id} ${type} ${at}`,
    source: "lab-edr",
    device: { device_id },
    app: { id: apps[app].app_id },
    type,
  }
}

/**
 * SimpleMDM as far as a poller needs it, after its API documentation (1.51): the key as Basic user, pages
 * of at most 100 by the last id, apps by a call for each device. By hand, for a trial:
 *
 *   node test/emulators/simplemdm.ts --port 0 --devices 200
 */
import { flagsOf } from "./by-hand.ts"
import {
  type Asked,
  digits,
  type Emulator,
  type EmulatorOptions,
  guid,
  startEmulator,
  type Told,
} from "./http-emulator.ts"

export interface SimpleMdmOptions extends EmulatorOptions {
  devices?: number
  appsEach?: number
  key?: string
}

export interface SimpleMdmDevice {
  type: "device"
  id: number
  attributes: {
    name: string
    last_seen_at: string
    last_seen_ip: string
    status: string
    os_version: string | null
    model_name: string | null
    product_name: string | null
    unique_identifier: string | null
    serial_number: string | null
    imei: string | null
    wifi_mac: string | null
    is_supervised: boolean | null
    passcode_compliant: boolean
    managed_apple_id?: string | null
  }
}

export interface SimpleMdmEmulator extends Emulator {
  devices: unknown[]
}

const newest = Date.parse("2026-11-20T12:00:00Z")

/** Every tenth was never seen with more than its name. */
export function simpleMdmDevice(place: number): SimpleMdmDevice {
  const bare = place % 10 === 9
  const said = <T>(value: T): T | null => (bare ? null : value)
  return {
    type: "device",
    id: 121 + place,
    attributes: {
      name: `Phone ${place}`,
      last_seen_at: new Date(newest - place * 60_000).toISOString().replace("Z", "+00:00"),
      last_seen_ip: "203.0.113.7",
      status: bare ? "awaiting enrollment" : "enrolled",
      os_version: said("18.1"),
      model_name: said(place % 5 === 3 ? "MacBook Pro" : "iPhone"),
      product_name: said(place % 5 === 3 ? "MacBookPro18,3" : "iPhone16,1"),
      unique_identifier: said(guid(`simplemdm ${place}`).toUpperCase()),
      serial_number: said(`SM${digits(`simplemdm serial ${place}`, 10).toUpperCase()}`),
      imei: said(`35 ${String(place).padStart(6, "0")} 000000 0`),
      wifi_mac: said(`00:${digits(`simplemdm mac ${place}`, 10).match(/../g)?.join(":")}`),
      is_supervised: said(place % 2 === 0),
      passcode_compliant: true,
      managed_apple_id: said(`user${place}@contoso.example`),
    },
  }
}

export async function startSimpleMdm(options: SimpleMdmOptions = {}): Promise<SimpleMdmEmulator> {
  const { devices: count = 50, appsEach = 3, key = "emulated-key" } = options
  const devices: unknown[] = Array.from({ length: count }, (_, place) => simpleMdmDevice(place))
  const expected = `Basic ${Buffer.from(`${key}:`).toString("base64")}`
  const emulator = await startEmulator(options, (asked) => {
    if (asked.headers.authorization !== expected)
      return { status: 401, body: { errors: [{ title: "unauthorized" }] } }
    if (asked.url.pathname === "/api/v1/devices") return paged(devices, asked)
    const id = /^\/api\/v1\/devices\/(\d+)\/installed_apps$/.exec(asked.url.pathname)?.[1]
    const device = devices.find((one) => String((one as SimpleMdmDevice | null)?.id) === id)
    if (id === undefined || device === undefined)
      return { status: 404, body: { errors: [{ title: "object not found" }] } }
    return paged(appsOf(Number(id)), asked)
  })
  return Object.assign(emulator, { devices })

  function appsOf(id: number): unknown[] {
    return Array.from({ length: appsEach }, (_, app) => ({
      type: "installed_app",
      id: id * 1_000 + app,
      attributes: {
        name: `App number ${app}`,
        identifier: `com.vendor${app % 17}.app${app}`,
        version: `${app}.0.1042`,
        short_version: app === 1 ? null : `${app}.0`,
        managed: app % 2 === 0,
      },
    }))
  }

  function paged(all: readonly unknown[], { url: { searchParams } }: Asked): Told {
    const limit = Number(searchParams.get("limit") ?? 10)
    if (!Number.isInteger(limit) || limit < 1 || limit > 100)
      return { status: 400, body: { errors: [{ title: "invalid limit" }] } }
    const after = searchParams.get("starting_after")
    const at = all.findIndex((one) => String((one as { id?: unknown } | null)?.id) === after)
    const from = after === null ? 0 : at + 1
    return { body: { data: all.slice(from, from + limit), has_more: from + limit < all.length } }
  }
}

if (import.meta.main) {
  const flags = flagsOf(process.argv.slice(2))
  const emulator = await startSimpleMdm(flags)
  emulator.disturb = flags.disturb
  process.stdout.write(`${emulator.url}

# SIMPLEMDM_KEY=emulated-key
sources:
  mdm:
    - name: emulated-simplemdm
      kind: http
      mapping: deploy/mdm/simplemdm.yaml
      url: ${emulator.url}
      secrets: { api-key: { env: SIMPLEMDM_KEY } }
      http: { allow-plain-http: true }
`)
}

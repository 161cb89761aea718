/**
 * Fleet as far as a poller needs it, after its REST documentation and the OpenAPI description inferred
 * from servers of version 4.86: a bearer token, pages by number, laptops between the phones, empty texts
 * and 2000-01-01 for what is not known. By hand, for a trial:
 *
 *   node test/emulators/fleet.ts --port 0 --devices 1000 --quirk throttle
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

export interface FleetOptions extends EmulatorOptions {
  devices?: number
  appsEach?: number
  token?: string
}

/** A host in the fields that are read, and some that are not. */
export interface FleetHost {
  id: number
  platform: string
  os_version: string
  uuid: string
  hardware_serial: string
  hardware_model: string
  primary_mac: string
  primary_ip: string
  public_ip: string
  detail_updated_at: string
  seen_time: string
  fleet_name: string | null
  mdm: { enrollment_status: string | null; connected_to_fleet?: boolean; name: string }
  issues: { failing_policies_count: number }
  device_mapping?: { email: string; source: string }[] | null
  software?: FleetSoftware[] | null
}
export interface FleetSoftware {
  id: number
  name: string
  version: string
  source: string
  bundle_identifier?: string
  application_id?: string
  vulnerabilities: null
}

export interface FleetEmulator extends Emulator {
  hosts: unknown[]
}

const newest = Date.parse("2026-11-20T12:00:00Z")

/** Three of five are phones: an iPhone, a personal Android, an iPad; then a Mac, and one not enrolled yet. */
export function fleetHost(place: number, appsEach = 3): FleetHost {
  const sort = place % 5
  const platform = ["ios", "android", "ipados", "darwin", "ios"][sort] ?? "ios"
  const os = ["iOS 18.1", "Android 16", "iPadOS 18.1", "macOS 15.1", ""][sort] ?? ""
  const status = ["On (automatic)", "On (personal)", "On (manual)", "On (automatic)", "Pending"]
  const app = platform === "android" ? "application_id" : "bundle_identifier"
  return {
    id: place + 1,
    platform,
    os_version: os,
    uuid: guid(`fleet ${place}`).toUpperCase(),
    hardware_serial: sort === 1 ? "" : `FM${digits(`fleet serial ${place}`, 10).toUpperCase()}`,
    hardware_model: ["iPhone16,1", "Pixel 9", "iPad14,8", "Mac15,3", ""][sort] ?? "",
    primary_mac:
      sort === 1 || sort === 4 ? "" : `02:${digits(`${place}`, 10).match(/../g)?.join(":")}`,
    primary_ip: sort === 0 ? `10.9.${(place >> 8) & 255}.${place & 255}` : "",
    public_ip: "203.0.113.9",
    detail_updated_at:
      sort === 4
        ? "2000-01-01T00:00:00Z"
        : `${new Date(newest - place * 60_000).toISOString().slice(0, 19)}Z`,
    seen_time: "2026-11-20T12:00:00Z",
    fleet_name: place % 2 === 0 ? "Field" : null,
    mdm: { enrollment_status: status[sort] ?? null, connected_to_fleet: true, name: "Fleet" },
    issues: { failing_policies_count: 0 },
    device_mapping:
      sort === 4 ? null : [{ email: `user${place}@contoso.example`, source: "mdm_idp_accounts" }],
    software:
      sort === 4
        ? null
        : Array.from({ length: appsEach }, (_, one) => ({
            id: one,
            name: `App number ${one}`,
            version: `${one}.${place % 3}`,
            source: platform === "android" ? "android_apps" : "ios_apps",
            [app]: `com.vendor${one % 17}.app${one}`,
            vulnerabilities: null,
          })),
  }
}

export async function startFleet(options: FleetOptions = {}): Promise<FleetEmulator> {
  const { devices: count = 100, appsEach = 3, token = "emulated-token" } = options
  const hosts: unknown[] = Array.from({ length: count }, (_, place) => fleetHost(place, appsEach))
  const emulator = await startEmulator(options, (asked) => {
    if (asked.headers.authorization !== `Bearer ${token}`)
      return { status: 401, body: { message: "Authentication required", errors: [] } }
    if (asked.url.pathname === "/api/v1/fleet/hosts") return list(asked)
    return { status: 404, body: { message: "Resource Not Found", errors: [] } }
  })
  return Object.assign(emulator, { hosts })

  function list({ url: { searchParams } }: Asked): Told {
    if (searchParams.get("order_key") !== "id") return { status: 400, body: {} }
    const size = Number(searchParams.get("per_page") ?? 100)
    const from = Number(searchParams.get("page") ?? 0) * size
    const wanted = {
      software: searchParams.get("populate_software") === "without_vulnerability_details",
      device_mapping: searchParams.get("device_mapping") === "true",
    }
    return { body: { hosts: hosts.slice(from, from + size).map((host) => shown(host, wanted)) } }
  }
}

/** Without being asked for, both are null. */
function shown(host: unknown, wanted: { software: boolean; device_mapping: boolean }): unknown {
  if (typeof host !== "object" || host === null) return host
  const left = Object.entries(wanted).flatMap(([name, is]) => (is ? [] : [[name, null] as const]))
  return { ...host, ...Object.fromEntries(left) }
}

if (import.meta.main) {
  const flags = flagsOf(process.argv.slice(2))
  const emulator = await startFleet(flags)
  emulator.disturb = flags.disturb
  process.stdout.write(`${emulator.url}

# FLEET_TOKEN=emulated-token
sources:
  mdm:
    - name: emulated-fleet
      kind: http
      mapping: deploy/mdm/fleet.yaml
      url: ${emulator.url}
      secrets: { api-token: { env: FLEET_TOKEN } }
      http: { allow-plain-http: true }
`)
}

/**
 * Jamf Pro as far as a poller of mobile devices needs it, after its documentation: one-minute tokens,
 * sections that are null unless they are asked for, pages by number. By hand, for a trial:
 *
 *   node test/emulators/jamf.ts --port 0 --devices 1000 --token-seconds 60
 */
import { parseArgs } from "node:util"
import {
  type Asked,
  digits,
  type Emulator,
  type EmulatorOptions,
  startEmulator,
  Tokens,
  type Told,
} from "./http-emulator.ts"

export const clientId = "6a1f0000-pinsensor"
export const caProfile = "com.example.inspection-ca"

export interface JamfOptions extends EmulatorOptions {
  devices?: number
  appsEach?: number
  tokenSeconds?: number
  secret?: string
  /** Rows of a page at most, whatever is asked for. */
  largestPage?: number
  /** Sections that this client may not see. */
  hidden?: readonly string[]
}

/** MobileDeviceResponse of the published OpenAPI description, in the fields that are read. */
export interface JamfDevice {
  mobileDeviceId: string
  deviceType: string
  general: {
    udid: string
    displayName: string
    osVersion: string
    lastInventoryUpdateDate: string | null
    managed: boolean
    supervised: boolean
    deviceOwnershipType: string
    ipAddress: string | null
  }
  hardware: { serialNumber: string; wifiMacAddress: string; model: string; modelIdentifier: string }
  userAndLocation: { username: string; emailAddress: string }
  security: { jailbreakStatus: string }
  network: { imei: string }
  applications: {
    identifier: string
    name: string
    version: string
    shortVersion: string
    managementStatus: string
  }[]
  profiles: { identifier: string; uuid: string; displayName: string; version: string }[]
  groups: { groupId: string; groupName: string }[]
}

export interface JamfEmulator extends Emulator {
  /** The inventory, in the order of ids; a test takes devices out and adds some. */
  devices: unknown[]
  tokens: Tokens
}

const newest = Date.parse("2026-11-20T12:00:00Z")
const sectionOf: Record<string, string> = {
  general: "GENERAL",
  hardware: "HARDWARE",
  userAndLocation: "USER_AND_LOCATION",
  security: "SECURITY",
  network: "NETWORK",
  applications: "APPLICATIONS",
  profiles: "PROFILES",
  groups: "GROUPS",
}

export function jamfDevice(place: number, appsEach = 3): JamfDevice {
  const mac = digits(`jamf mac ${place}`, 10).toUpperCase().match(/../g)?.join(":")
  return {
    mobileDeviceId: String(place + 1),
    deviceType: "iOS",
    general: {
      udid: digits(`udid ${place}`, 40),
      displayName: `iPad ${place}`,
      osVersion: "18.1",
      lastInventoryUpdateDate: new Date(newest - (place % 5_000) * 60_000).toISOString(),
      managed: true,
      supervised: place % 2 === 0,
      deviceOwnershipType: place % 10 === 9 ? "UserEnrollment" : "Institutional",
      ipAddress:
        place % 4 === 3 ? null : `10.${(place >> 16) & 255}.${(place >> 8) & 255}.${place & 255}`,
    },
    hardware: {
      serialNumber: `DM${digits(`jamf serial ${place}`, 10).toUpperCase()}`,
      wifiMacAddress: `00:${mac}`,
      model: "iPad Air",
      modelIdentifier: "iPad14,8",
    },
    userAndLocation: { username: `user${place}`, emailAddress: `user${place}@contoso.example` },
    security: { jailbreakStatus: place % 50 === 49 ? "Jailbroken" : "Normal" },
    network: { imei: `35 ${String(place).padStart(13, "0")}` },
    applications: Array.from({ length: appsEach }, (_, app) => ({
      identifier: `com.vendor${app % 17}.app${app}`,
      name: `App number ${app}`,
      version: `${app}.${place % 3}.1042`,
      shortVersion: `${app}.${place % 3}`,
      managementStatus: app % 2 === 0 ? "Managed" : "Unmanaged",
    })),
    profiles:
      place % 3 === 0
        ? [{ identifier: caProfile, uuid: "u-1", displayName: "Inspection CA", version: "1" }]
        : [{ identifier: "com.example.wifi", uuid: "u-2", displayName: "Wi-Fi", version: "1" }],
    groups: [{ groupId: "7", groupName: place % 2 === 0 ? "Ward" : "Office" }],
  }
}

export async function startJamf(options: JamfOptions = {}): Promise<JamfEmulator> {
  const { devices: count = 100, appsEach = 3, tokenSeconds = 60, hidden = [] } = options
  const { secret = "emulated-secret", largestPage = 2_000 } = options
  const tokens = new Tokens({ id: clientId, secret, seconds: tokenSeconds })
  const devices: unknown[] = Array.from({ length: count }, (_, place) =>
    jamfDevice(place, appsEach),
  )
  const emulator = await startEmulator(options, (asked) => {
    if (asked.url.pathname === "/api/oauth/token") return tokens.give(asked)
    if (!tokens.accept(asked)) return { status: 401, body: { httpStatus: 401, errors: [] } }
    if (asked.url.pathname === "/api/v2/mobile-devices/detail") return detail(asked)
    return { status: 404, body: { httpStatus: 404, errors: [] } }
  })
  return Object.assign(emulator, { devices, tokens })

  function detail({ url }: Asked): Told {
    const { searchParams } = url
    const sort = searchParams.get("sort") ?? "displayName:asc"
    if (!/^(displayName|mobileDeviceId|lastInventoryUpdateDate):(asc|desc)$/.test(sort))
      return { status: 400, body: { httpStatus: 400, errors: [{ code: "INVALID_SORT" }] } }
    const sections = new Set(searchParams.getAll("section").filter((one) => !hidden.includes(one)))
    const since = /^lastInventoryUpdateDate>="(.*)"$/.exec(searchParams.get("filter") ?? "")?.[1]
    const found = devices.filter((device) => since === undefined || isLater(device, since))
    const size = Math.min(largestPage, Number(searchParams.get("page-size") ?? 100))
    const from = Number(searchParams.get("page") ?? 0) * size
    const results = found.slice(from, from + size).map((device) => gated(device, sections))
    return { body: { totalCount: found.length, results } }
  }
}

function isLater(device: unknown, since: string): boolean {
  const at = (device as JamfDevice | null)?.general?.lastInventoryUpdateDate
  return at != null && at >= since
}

function gated(device: unknown, sections: ReadonlySet<string>): unknown {
  if (typeof device !== "object" || device === null) return device
  return Object.fromEntries(
    Object.entries(device).map(([key, value]) => {
      const section = sectionOf[key]
      return [key, section === undefined || sections.has(section) ? value : null]
    }),
  )
}

if (import.meta.main) {
  const { values } = parseArgs({
    options: {
      port: { type: "string", default: "0" },
      devices: { type: "string", default: "1000" },
      apps: { type: "string", default: "3" },
      "token-seconds": { type: "string", default: "60" },
    },
  })
  const emulator = await startJamf({
    port: Number(values.port),
    devices: Number(values.devices),
    appsEach: Number(values.apps),
    tokenSeconds: Number(values["token-seconds"]),
  })
  process.stdout.write(`${emulator.url}

# JAMF_SECRET=${emulator.tokens.secret}
sources:
  mdm:
    - name: emulated-jamf
      kind: jamf
      url: ${emulator.url}
      client-id: ${clientId}
      client-secret: { env: JAMF_SECRET }
      inspection-ca: { profiles: [${caProfile}] }
      http: { allow-plain-http: true }
`)
}

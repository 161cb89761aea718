/**
 * Workspace ONE UEM as far as a poller needs it: a tenant code beside the token, pages by number, 204 for
 * nothing, times without an offset, MACs without colons, "Unknown" in place of a boolean. By hand:
 *
 *   node test/emulators/workspace-one.ts --port 0 --devices 1000 --token-seconds 60
 */
import { flagsOf } from "./by-hand.ts"
import {
  type Asked,
  digits,
  type Emulator,
  type EmulatorOptions,
  startEmulator,
  Tokens,
  type Told,
} from "./http-emulator.ts"

export const tenantCode = "emulated-tenant-code"
export const organizationGroup = "570"

export interface WorkspaceOneOptions extends EmulatorOptions {
  devices?: number
  appsEach?: number
  tokenSeconds?: number
  /** Rows of a page at most, whatever is asked for. */
  largestPage?: number
}

export interface WorkspaceOneDevice {
  Id: { Value: number }
  Uuid: string
  Udid: string
  SerialNumber: string
  MacAddress: string
  Imei: string
  Platform: string
  Model: string
  OperatingSystem: string
  UserName: string
  UserEmailAddress: string
  LocationGroupName: string
  Ownership: string
  LastSeen: string
  EnrollmentStatus: string
  ComplianceStatus: string
  CompromisedStatus: boolean | "Unknown"
  IsSupervised: boolean
  LastComplianceCheckOn: string
}

export interface WorkspaceOneEmulator extends Emulator {
  devices: unknown[]
  tokens: Tokens
}

const newest = Date.parse("2026-11-20T12:00:00Z")

export function workspaceOneDevice(place: number): WorkspaceOneDevice {
  const sort = place % 4
  const employee = sort === 1
  return {
    Id: { Value: 5_000 + place },
    Uuid: digits(`uuid ${place}`, 32),
    Udid: digits(`ws1 udid ${place}`, 40),
    SerialNumber: employee ? "" : `WM${digits(`ws1 serial ${place}`, 10).toUpperCase()}`,
    MacAddress: employee ? "000000000000" : `00${digits(`ws1 mac ${place}`, 10).toUpperCase()}`,
    Imei: employee ? "" : `35${String(place).padStart(13, "0")}`,
    Platform: ["Apple", "Android", "Android", "AppleOsX"][sort] ?? "",
    Model: ["iPhone 15", "Pixel 9", "Galaxy Tab", "MacBook Pro"][sort] ?? "",
    OperatingSystem: ["18.1.0", "16", "15", "15.1.0"][sort] ?? "",
    UserName: `user${place}`,
    UserEmailAddress: `user${place}@contoso.example`,
    LocationGroupName: place % 2 === 0 ? "Field" : "Office",
    Ownership: employee ? "E" : "C",
    LastSeen:
      place % 10 === 7
        ? "0001-01-01T00:00:00.000"
        : new Date(newest - (place % 5_000) * 60_000).toISOString().slice(0, 23),
    EnrollmentStatus: place % 20 === 11 ? "Unenrolled" : "Enrolled",
    ComplianceStatus: ["Compliant", "NonCompliant", "NotAvailable"][place % 3] ?? "",
    CompromisedStatus: place % 7 === 0 ? "Unknown" : place % 50 === 13,
    IsSupervised: sort === 0,
    LastComplianceCheckOn: "0001-01-01T00:00:00.000",
  }
}

export async function startWorkspaceOne(
  options: WorkspaceOneOptions = {},
): Promise<WorkspaceOneEmulator> {
  const { devices: count = 100, appsEach = 3, tokenSeconds = 3_600, largestPage = 500 } = options
  const tokens = new Tokens({
    id: "emulated-client",
    secret: "emulated-secret",
    seconds: tokenSeconds,
  })
  const devices: unknown[] = Array.from({ length: count }, (_, place) => workspaceOneDevice(place))
  const emulator = await startEmulator(options, (asked) => {
    if (asked.url.pathname === "/connect/token") return tokens.give(asked)
    if (asked.headers["aw-tenant-code"] !== tenantCode || !tokens.accept(asked))
      return { status: 401, body: { errorCode: 1005, message: "Invalid credentials" } }
    if (asked.url.pathname === "/api/mdm/devices/search") return search(asked)
    const apps = /^\/api\/mdm\/devices\/(\d+)\/apps$/.exec(asked.url.pathname)?.[1]
    return apps === undefined ? { status: 404, body: {} } : appsOf(Number(apps), asked)
  })
  return Object.assign(emulator, { devices, tokens })

  function search({ url: { searchParams } }: Asked): Told {
    const since = searchParams.get("seensince")
    const inGroup = searchParams.get("lgid") === organizationGroup ? devices : []
    const found = inGroup.filter(
      (one) => since === null || `${(one as WorkspaceOneDevice | null)?.LastSeen}Z` >= since,
    )
    return paged("Devices", found, searchParams)
  }

  function appsOf(id: number, { url: { searchParams } }: Asked): Told {
    const device = devices.find((one) => (one as WorkspaceOneDevice | null)?.Id?.Value === id)
    if (device === undefined) return { status: 404, body: { errorCode: 404 } }
    const apps = Array.from({ length: appsEach }, (_, app) => ({
      ApplicationName: `App number ${app}`,
      ApplicationIdentifier: `com.vendor${app % 17}.app${app}`,
      Version: `${app}.${id % 3}`,
      BuildVersion: "",
      Status: app === 2 ? 6 : 2,
      IsManaged: app % 2 === 0,
    }))
    return paged("DeviceApps", apps, searchParams)
  }

  function paged(name: string, all: readonly unknown[], asked: URLSearchParams): Told {
    const size = Math.min(largestPage, Number(asked.get("pagesize") ?? 500))
    const page = Number(asked.get("page") ?? 0)
    const rows = all.slice(page * size, (page + 1) * size)
    if (rows.length === 0) return { status: 204, body: "" }
    return { body: { [name]: rows, Page: page, PageSize: size, Total: all.length } }
  }
}

if (import.meta.main) {
  const flags = flagsOf(process.argv.slice(2))
  const emulator = await startWorkspaceOne(flags)
  emulator.disturb = flags.disturb
  process.stdout.write(`${emulator.url}

# WS1_ID=emulated-client WS1_SECRET=emulated-secret WS1_TENANT=${tenantCode}
sources:
  mdm:
    - name: emulated-workspace-one
      kind: http
      mapping: deploy/mdm/workspace-one.yaml
      url: ${emulator.url}
      token-url: ${emulator.url}/connect/token
      secrets: { client-id: { env: WS1_ID }, client-secret: { env: WS1_SECRET }, tenant-code: { env: WS1_TENANT } }
      values: { organization-group: "${organizationGroup}" }
      http: { allow-plain-http: true }
`)
}

/**
 * Microsoft Graph as far as an Intune poller needs it, after its documentation: paging with an opaque
 * address, tokens that expire, throttling. By hand, for a trial:
 *
 *   node test/emulators/intune.ts --port 0 --devices 1000 --quirks throttle,garbage
 */
import { parseArgs } from "node:util"
import type {
  AndroidStoreApp,
  DetectedApp,
  DeviceConfigurationState,
  IosVppApp,
  ManagedDevice,
} from "@microsoft/microsoft-graph-types"
import {
  type Asked,
  type Disturbance,
  digits,
  type Emulator,
  type EmulatorOptions,
  guid,
  startEmulator,
  Tokens,
  type Told,
} from "./http-emulator.ts"

/** The published type says that it is never null; the service says null of devices it does not know. */
export type IntuneDevice = Omit<ManagedDevice, "isSupervised"> & { isSupervised?: boolean | null }

export const tenantId = "contoso.example"
export const clientId = "11111111-2222-3333-4444-555555555555"

export interface IntuneOptions extends EmulatorOptions {
  devices?: number
  /** Lifetime of a token; the service's own is about an hour. */
  tokenSeconds?: number
  secret?: string
  /** Rows of a page at most, whatever $top says. */
  largestPage?: number
}

export interface IntuneEmulator extends Emulator {
  devices: IntuneDevice[]
  /** Instead of a device, by its place in the list: what no poller should choke on. */
  garbage: Map<number, unknown>
  tokens: Tokens
  /** Detected app -> places of the devices that have it. */
  installed: Map<DetectedApp, (place: number) => boolean>
  /** What profiles say of the device of this place. */
  profilesOf: (place: number) => DeviceConfigurationState[]
}

const newest = Date.parse("2026-11-20T12:00:00Z")

export function intuneDevice(place: number): IntuneDevice {
  const ios = place % 2 === 0
  return {
    id: guid(`device ${place}`),
    lastSyncDateTime: new Date(newest - (place % 5_000) * 60_000).toISOString(),
    operatingSystem: ios ? "iOS" : "Android",
    osVersion: ios ? "18.1" : "15.0",
    model: ios ? "iPhone 16" : "Pixel 9",
    manufacturer: ios ? "Apple" : "Google",
    serialNumber: `SN${digits(`serial ${place}`, 10).toUpperCase()}`,
    udid: "",
    imei: ios ? "" : `35${String(place).padStart(13, "0")}`,
    wiFiMacAddress: `00${digits(`mac ${place}`, 10)}`,
    userPrincipalName: `user${place}@contoso.example`,
    emailAddress: `user${place}@contoso.example`,
    deviceCategoryDisplayName: place % 3 === 0 ? "Sales" : "Unassigned",
    managementAgent: ios ? "mdm" : "googleCloudDevicePolicyController",
    managedDeviceOwnerType: place % 7 === 1 ? "personal" : "company",
    deviceEnrollmentType: "unknown",
    isSupervised: place % 4 === 0 ? true : place % 4 === 2 ? null : false,
    complianceState: place % 5 === 0 ? "noncompliant" : place % 5 === 4 ? "unknown" : "compliant",
    jailBroken: place % 6 === 5 ? "Unknown" : "False",
  }
}

const catalogue: (
  | ({ "@odata.type": string } & IosVppApp)
  | ({ "@odata.type": string } & AndroidStoreApp)
)[] = [
  {
    "@odata.type": "#microsoft.graph.iosVppApp",
    id: guid("a1"),
    displayName: "Bank",
    publisher: "Bank AG",
    bundleId: "example.bank.ios",
  },
  {
    "@odata.type": "#microsoft.graph.androidStoreApp",
    id: guid("a2"),
    displayName: "Bank",
    publisher: "Bank AG",
    packageId: "example.bank.android",
  },
  {
    "@odata.type": "#microsoft.graph.iosVppApp",
    id: guid("a3"),
    displayName: "Notes",
    publisher: "One Ltd",
    bundleId: "one.notes",
  },
  {
    "@odata.type": "#microsoft.graph.iosVppApp",
    id: guid("a4"),
    displayName: "Notes",
    publisher: "Two Ltd",
    bundleId: "two.notes",
  },
]

const detected: DetectedApp[] = [
  { id: "d1", displayName: "Bank", version: "4.2", publisher: "", platform: "ios" },
  {
    id: "d2",
    displayName: "Bank",
    version: "4.3",
    publisher: "",
    platform: "androidDedicatedAndFullyManaged",
  },
  { id: "d3", displayName: "Notes", version: "1.0", publisher: "Two Ltd", platform: "ios" },
  { id: "d4", displayName: "Notes", version: "1.0", publisher: "", platform: "ios" },
  { id: "d5", displayName: "Game", version: "9", publisher: "", platform: "ios" },
  { id: "d6", displayName: "Bank", version: "1", publisher: "", platform: "windows" },
]

export async function startIntune(options: IntuneOptions = {}): Promise<IntuneEmulator> {
  const { devices: count = 100, tokenSeconds = 3_599, largestPage = 1_000 } = options
  const { secret = "emulated-secret" } = options
  const tokens = new Tokens({ id: clientId, secret, seconds: tokenSeconds })
  const devices = Array.from({ length: count }, (_, place) => intuneDevice(place))
  const garbage = new Map<number, unknown>()
  const ios = (place: number) => place % 2 === 0
  const installed = new Map(
    detected.map((app) => [app, (place: number) => ios(place) === (app.platform === "ios")]),
  )
  const emulator = await startEmulator(options, (asked) => {
    const path = decodeURIComponent(asked.url.pathname)
    if (path === `/${tenantId}/oauth2/v2.0/token`) return tokens.give(asked)
    if (!tokens.accept(asked))
      return { status: 401, body: { error: { code: "InvalidAuthenticationToken" } } }
    return graph(asked, path.replace(/^\/v1\.0/, ""))
  })
  const whole = Object.assign(emulator, {
    devices,
    garbage,
    tokens,
    installed,
    profilesOf: (_: number): DeviceConfigurationState[] => [],
  })
  return whole

  function graph(asked: Asked, path: string): Told {
    switch (path) {
      case "/deviceManagement/managedDevices":
        return list(asked, wanted(asked), (place) =>
          garbage.has(place) ? garbage.get(place) : pick(asked, place),
        )
      case "/deviceAppManagement/mobileApps":
        return { body: { value: catalogue } }
      case "/deviceManagement/detectedApps":
        return { body: { value: [...installed.keys()].filter(named(asked)) } }
      case "/$batch":
        return batch(asked)
    }
    const id = /^\/deviceManagement\/detectedApps\/([^/]+)\/managedDevices$/.exec(path)?.[1]
    const [app, has] = [...installed].find(([each]) => each.id === id) ?? []
    if (!app || !has) return { status: 404, body: { error: { code: "ResourceNotFound" } } }
    const places = devices.flatMap((_, place) => (has(place) ? [place] : []))
    return list(asked, places, (place) => ({ id: devices[place]?.id }))
  }

  /** Places of the devices that the filter lets through. */
  function wanted({ url }: Asked): number[] {
    const since = /^lastSyncDateTime gt (\S+)$/.exec(url.searchParams.get("$filter") ?? "")?.[1]
    const after = since ? Date.parse(since) : Number.NEGATIVE_INFINITY
    return devices.flatMap(({ lastSyncDateTime }, place) =>
      Date.parse(lastSyncDateTime ?? "") > after || garbage.has(place) ? [place] : [],
    )
  }

  function pick({ url }: Asked, place: number): unknown {
    const select = url.searchParams.get("$select")?.split(",")
    const device = devices[place] ?? {}
    return select
      ? Object.fromEntries(Object.entries(device).filter(([key]) => select.includes(key)))
      : device
  }

  function list({ url }: Asked, places: readonly number[], row: (place: number) => unknown): Told {
    const top = Math.min(largestPage, Number(url.searchParams.get("$top") ?? largestPage))
    const skip = Number(
      Buffer.from(url.searchParams.get("$skiptoken") ?? "", "base64url").toString() || 0,
    )
    const value = places.slice(skip, skip + top).map(row)
    if (skip + top >= places.length) return { body: { value } }
    const next = new URL(url)
    next.searchParams.set("$skiptoken", Buffer.from(String(skip + top)).toString("base64url"))
    return { body: { value, "@odata.nextLink": next.href } }
  }

  function batch({ body }: Asked): Told {
    const { requests } = JSON.parse(body) as { requests: { id: string; url: string }[] }
    const responses = requests.map(({ id, url }) => {
      const deviceId = /managedDevices\/([^/]+)\/deviceConfigurationStates/.exec(url)?.[1]
      const place = devices.findIndex((device) => device.id === deviceId)
      if (place < 0) return { id, status: 404, body: {} }
      return { id, status: 200, body: { value: whole.profilesOf(place) } }
    })
    return { body: { responses } }
  }
}

function named({ url }: Asked): (app: DetectedApp) => boolean {
  const name = /^displayName eq '(.*)'$/.exec(url.searchParams.get("$filter") ?? "")?.[1]
  return (app) => name === undefined || app.displayName === name.replaceAll("''", "'")
}

/** What can be asked for by hand with `--quirks`. */
export const quirks: Record<string, (emulator: IntuneEmulator) => void> = {
  /** Each fifth request is throttled, with a fraction of a second to wait. */
  throttle: (emulator) => {
    disturbAlso(emulator, ({ count }) =>
      count % 5 === 0 ? { status: 429, headers: { "retry-after": "0.25" } } : null,
    )
  },
  /** Three requests of each ten are refused in a row. */
  bursts: (emulator) => {
    disturbAlso(emulator, ({ count }) => (count % 10 > 6 ? { status: 503 } : null))
  },
  /** Rows that no device has. */
  garbage: ({ garbage }) => {
    for (const [place, row] of [null, 7, [], { id: null }, { id: "x".repeat(9_999) }].entries())
      garbage.set(place * 3, row)
  },
  /** The next page is somewhere else. */
  "foreign-next": (emulator) => {
    disturbAlso(emulator, ({ url }) =>
      url.pathname.endsWith("/managedDevices") && url.searchParams.has("$skiptoken")
        ? { body: { value: [], "@odata.nextLink": "https://elsewhere.example/v1.0/steal" } }
        : null,
    )
  },
}

export function disturbAlso(emulator: Emulator, more: (asked: Asked) => Disturbance | null): void {
  const before = emulator.disturb
  emulator.disturb = (asked) => before(asked) ?? more(asked)
}

if (import.meta.main) {
  const { values } = parseArgs({
    options: {
      port: { type: "string", default: "0" },
      devices: { type: "string", default: "1000" },
      "token-seconds": { type: "string", default: "3599" },
      quirks: { type: "string", default: "" },
    },
  })
  const emulator = await startIntune({
    port: Number(values.port),
    devices: Number(values.devices),
    tokenSeconds: Number(values["token-seconds"]),
  })
  for (const quirk of values.quirks.split(",")) quirks[quirk]?.(emulator)
  process.stdout.write(`${emulator.url}

# INTUNE_SECRET=${emulator.tokens.secret}
sources:
  mdm:
    - name: emulated-intune
      kind: intune
      graph-url: ${emulator.url}
      authority-url: ${emulator.url}
      tenant-id: ${tenantId}
      client-id: ${clientId}
      client-secret: { env: INTUNE_SECRET }
      detected-apps: [Bank, Notes]
      http: { allow-plain-http: true }
`)
}

/** Microsoft Intune, polled as the collector does it, from an emulator over real sockets. */
import t, { type Test } from "tap"
import { intuneConnector } from "../../../src/identity/mdm/intune/intune.ts"
import { IntuneSettings } from "../../../src/identity/mdm/intune/settings.ts"
import { type Disturbance, startEmulator } from "../../emulators/http-emulator.ts"
import {
  clientId,
  disturbAlso,
  type IntuneEmulator,
  type IntuneOptions,
  intuneDevice,
  startIntune,
  tenantId,
} from "../../emulators/intune.ts"
import { type MdmBed, mdmBed } from "../../emulators/mdm-bed.ts"
import { testCa } from "../../support/certificates.ts"

process.env["INTUNE_TEST_SECRET"] = "emulated-secret"

function settingsFor(
  { url }: { url: string },
  more: object = {},
  http: object = {},
): IntuneSettings {
  return IntuneSettings.parse({
    name: "test",
    kind: "intune",
    "graph-url": url,
    "authority-url": url,
    "tenant-id": tenantId,
    "client-id": clientId,
    "client-secret": { env: "INTUNE_TEST_SECRET" },
    "page-size": 10,
    http: { "allow-plain-http": true, tries: 3, "longest-wait": "2s", ...http },
    ...more,
  })
}

const connectorOf = (settings: IntuneSettings) =>
  intuneConnector(settings, { clock: Date.now, random: () => 0 })

async function given(
  t: Test,
  options: IntuneOptions = {},
): Promise<{ graph: IntuneEmulator; bed: MdmBed }> {
  const graph = await startIntune(options)
  const bed = mdmBed()
  t.teardown(async () => {
    bed.remove()
    await graph.close()
  })
  return { graph, bed }
}

/** Each device once, with one posture each. */
function complete(t: Test, bed: MdmBed, devices: number): void {
  const ids = bed.all("devices").map(({ device_id }) => device_id)
  t.equal(ids.length, devices, "devices")
  t.equal(new Set(ids).size, devices, "none doubled")
  t.equal(bed.all("postures").length, devices, "postures")
  t.equal(bed.seen().length, devices, "seen")
}

t.test("all pages are read over TLS and become devices and postures", async (t) => {
  const ca = await testCa()
  t.teardown(() => ca.remove())
  const { graph, bed } = await given(t, {
    devices: 25,
    tls: await ca.issue("graph", "IP:127.0.0.1"),
  })
  const settings = settingsFor(graph, {}, { ca: ca.file })
  t.ok(await bed.sweep(settings, connectorOf(settings)))
  complete(t, bed, 25)
  const told = intuneDevice(6)
  const device = bed.all("devices").find(({ mdm_id }) => mdm_id === told.id)
  t.match(device, {
    device_id: `intune:${told.id}`,
    observed_at: told.lastSyncDateTime,
    platform: "ios",
    os_version: "18.1",
    model: "iPhone 16",
    serial: told.serialNumber,
    udid: null,
    imei: null,
    wifi_mac: told.wiFiMacAddress?.match(/../g)?.join(":"),
    user: "user6@contoso.example",
    groups: ["Sales"],
    ownership: "company",
    source: "intune",
  })
  const posture = bed.all("postures").find(({ device_id }) => device_id === device?.device_id)
  t.match(posture, {
    observed_at: told.lastSyncDateTime,
    profile: "device",
    managed: true,
    supervised: null,
    compliant: true,
    jailbroken: false,
    inspection_ca: "unknown",
    apps: null,
  })
  const work = bed
    .all("postures")
    .find(({ device_id }) => device_id === `intune:${intuneDevice(1).id}`)
  t.equal(work?.profile, "work", "a person's own Android device")
  t.match(bed.health(), { state: "ok", last_error: null, rejected: 0, progress: null })
})

t.test("a server whose certificate is not trusted gets no credential", async (t) => {
  const ca = await testCa()
  t.teardown(() => ca.remove())
  const { graph, bed } = await given(t, { tls: await ca.issue("graph", "IP:127.0.0.1") })
  const settings = settingsFor(graph)
  t.match(
    await bed.failure(settings, connectorOf(settings)),
    /certificate .* is refused .*http\.ca/,
  )
  t.strictSame(graph.requests, [])
})

t.test("what has not changed is not stored again, and absence deletes nothing", async (t) => {
  const { graph, bed } = await given(t, { devices: 25 })
  const settings = settingsFor(graph)
  await bed.sweep(settings, connectorOf(settings))
  graph.devices.splice(0, 5)
  const changed = graph.devices[0] as { osVersion?: string; lastSyncDateTime?: string; id?: string }
  changed.osVersion = "15.1"
  bed.pass(13 * 3_600_000)
  t.ok(await bed.sweep(settings, connectorOf(settings)))
  const devices = bed.all("devices")
  t.equal(devices.length, 26, "one said something new")
  t.equal(bed.seen().length, 25)
  const its = devices.filter(({ mdm_id }) => mdm_id === changed.id)
  t.strictSame(
    its.sort((a, b) => (a.id < b.id ? -1 : 1)).map(({ os_version }) => os_version),
    ["15.0", "15.1"],
    "of two that were said for the same time, the later sweep's id is the greater",
  )
})

t.test("between full sweeps only what synced since is asked for", async (t) => {
  const { graph, bed } = await given(t, { devices: 100 })
  const settings = settingsFor(graph)
  await bed.sweep(settings, connectorOf(settings))
  graph.requests.length = 0
  Object.assign(graph.devices[50] ?? {}, {
    osVersion: "19",
    lastSyncDateTime: "2026-11-20T12:30:00.000Z",
  })
  bed.pass(16 * 60_000)
  t.ok(await bed.sweep(settings, connectorOf(settings)))
  const lists = graph.requests.filter((request) => request.includes("managedDevices"))
  t.match(lists[0], /\$filter=lastSyncDateTime gt 2026-11-20T11:50:00\.000Z/)
  t.equal(lists.length, 2, "11 devices in pages of 10")
  t.equal(bed.all("devices").length, 101)
})

t.test("a token is fetched once while it lives, and anew when it was revoked", async (t) => {
  const { graph, bed } = await given(t, { devices: 60 })
  let pages = 0
  disturbAlso(graph, ({ url }) => {
    if (url.pathname.endsWith("/managedDevices") && ++pages === 3) graph.tokens.revoke()
    return null
  })
  const settings = settingsFor(graph)
  t.ok(await bed.sweep(settings, connectorOf(settings)))
  complete(t, bed, 60)
  t.equal(graph.requests.filter((request) => request.endsWith("/token")).length, 2)
})

t.test("throttling and bursts of 503 are waited out as the server asks", async (t) => {
  const { graph, bed } = await given(t, { devices: 60 })
  disturbAlso(graph, ({ count }) => {
    if (count % 4 === 2) return { status: 429, headers: { "retry-after": "0.15" } }
    return count % 4 === 3 ? { status: 503, headers: { "retry-after": "0.01" } } : null
  })
  const settings = settingsFor(graph)
  const begin = performance.now()
  t.ok(await bed.sweep(settings, connectorOf(settings)))
  t.ok(performance.now() - begin >= 3 * 150, "the fractions of a second are honoured")
  complete(t, bed, 60)
})

t.test("a server that asks for a long wait ends the sweep, which goes on there", async (t) => {
  const { graph, bed } = await given(t, { devices: 30 })
  let refuse = true
  disturbAlso(graph, ({ url }) =>
    refuse && url.searchParams.has("$skiptoken")
      ? { status: 429, headers: { "retry-after": "3600" } }
      : null,
  )
  const settings = settingsFor(graph)
  t.match(
    await bed.failure(settings, connectorOf(settings)),
    /answered 429, and asks to wait 3600 s/,
  )
  t.equal(bed.all("devices").length, 10)
  refuse = false
  t.ok(await bed.sweep(settings, connectorOf(settings)))
  complete(t, bed, 30)
})

const outages: Record<string, Disturbance> = {
  "connections are reset": "reset",
  "the server is silent": "silence",
  "answers break off": "half",
  "the gateway says 502": { status: 502, body: "<html>" },
  "a page is no JSON": { body: "<html>maintenance</html>" },
}
for (const [name, outage] of Object.entries(outages))
  t.test(`an outage in the middle of a sweep loses and doubles nothing: ${name}`, async (t) => {
    const { graph, bed } = await given(t, { devices: 35 })
    let pages = 0
    let out = true
    disturbAlso(graph, ({ url }) =>
      out && url.pathname.endsWith("/managedDevices") && ++pages > 2 ? outage : null,
    )
    const settings = settingsFor(graph, {}, { tries: 2, "answer-timeout": "150ms" })
    t.not(await bed.failure(settings, connectorOf(settings)), "")
    t.equal(bed.all("devices").length, 20)
    out = false
    graph.requests.length = 0
    t.ok(await bed.sweep(settings, connectorOf(settings)))
    complete(t, bed, 35)
    const pagesAgain = graph.requests.filter((request) => request.includes("managedDevices"))
    t.equal(pagesAgain.length, 2, "pages that were read are not read again")
  })

t.test("a sweep that is killed between pages goes on in a new process", async (t) => {
  const { graph, bed } = await given(t, { devices: 95 })
  const settings = settingsFor(graph)
  for (const stopAfter of [3, 5]) {
    let pages = 0
    const reached = Promise.withResolvers<void>()
    graph.disturb = ({ url }) => {
      if (!url.pathname.endsWith("/managedDevices") || ++pages <= stopAfter) return null
      reached.resolve()
      return "silence"
    }
    const source = bed.source(settings, connectorOf(settings))
    await source.start()
    await reached.promise
    await source.stop()
  }
  graph.disturb = () => null
  t.equal(bed.all("devices").length, 80)
  t.ok(await bed.sweep(settings, connectorOf(settings)))
  complete(t, bed, 95)
})

t.test("a place that the server has forgotten begins the sweep anew", async (t) => {
  const { graph, bed } = await given(t, { devices: 30 })
  graph.disturb = ({ url }) => (url.searchParams.has("$skiptoken") ? { status: 500 } : null)
  const settings = settingsFor(graph, {}, { tries: 1 })
  await bed.failure(settings, connectorOf(settings))
  let first = true
  graph.disturb = ({ url }) => {
    if (!first || !url.pathname.endsWith("/managedDevices")) return null
    first = false
    return { status: 410, body: { error: { code: "syncStateNotFound" } } }
  }
  t.ok(await bed.sweep(settings, connectorOf(settings)))
  complete(t, bed, 30)
})

t.test("rows that no device has are refused alone, and counted by reason", async (t) => {
  const { graph, bed } = await given(t, { devices: 30 })
  const device = intuneDevice(4)
  const rows: unknown[] = [
    null,
    7,
    "device",
    [],
    {},
    { ...device, id: null },
    { ...device, id: "x".repeat(5_000) },
    { ...device, osVersion: 18 },
    { ...device, isSupervised: "yes" },
    { ...device, serialNumber: "S".repeat(100_000) },
  ]
  for (const [place, row] of rows.entries()) graph.garbage.set(place * 2, row)
  graph.garbage.set(21, {
    ...intuneDevice(21),
    osVersion: null,
    model: null,
    wiFiMacAddress: "no mac",
  })
  graph.garbage.set(23, { ...intuneDevice(23), lastSyncDateTime: "0001-01-01T00:00:00Z" })
  graph.garbage.set(25, { ...intuneDevice(25), lastSyncDateTime: "2999-01-01T00:00:00Z" })
  const settings = settingsFor(graph)
  t.ok(await bed.sweep(settings, connectorOf(settings)))
  complete(t, bed, 20)
  const { rejected, rejected_because } = bed.health() ?? {}
  t.equal(rejected, 10)
  t.equal(
    Object.values(rejected_because ?? {}).reduce((a, b) => a + b, 0),
    10,
  )
  t.ok(Object.hasOwn(rejected_because ?? {}, "osVersion: is not of type string"))
  for (const [place, expected] of [
    [21, "2026"],
    [23, "now"],
    [25, "now"],
  ] as const) {
    const found = bed.all("devices").find(({ mdm_id }) => mdm_id === intuneDevice(place).id)
    const now = new Date(bed.clock()).toISOString().slice(0, 10)
    t.match(found?.observed_at, expected === "now" ? now : "2026-11-20", `device ${place}`)
  }
  t.equal(bed.all("devices").find(({ mdm_id }) => mdm_id === intuneDevice(21).id)?.wifi_mac, null)
})

t.test("a malicious answer fails the sweep and changes nothing of what is stored", async (t) => {
  const trap = await startEmulator({}, () => ({ body: { value: [] } }))
  t.teardown(() => trap.close())
  let endless = 0
  const page = (next: string) => ({ body: { value: [], "@odata.nextLink": next } })
  const answers: Record<string, [RegExp, (url: string) => Disturbance]> = {
    "a huge page": [
      /more than 1 MiB in one answer/,
      () => ({ body: `{"value":["${"x".repeat(2 << 20)}"]}` }),
    ],
    "deep nesting": [/nested deeper than 40/, () => ({ body: `{"value":${"[".repeat(90_000)}` })],
    "a text instead of rows": [/something else than a list/, () => ({ body: { value: "none" } })],
    "a list instead of an object": [/something else than a list/, () => ({ body: [] })],
    "a next page elsewhere": [/another server .* not followed/, () => page(`${trap.url}/v1.0/x`)],
    "a next page with credentials": [/another server/, (url) => page(url.replace("//", "//a:b@"))],
    "a next page that is no address": [/what is no address/, () => page("https://[")],
    "a next page without end": [
      /never ends: page after page without a row/,
      (url) => page(`${url}/v1.0/deviceManagement/managedDevices?$skiptoken=${++endless}`),
    ],
    "a page that is its own next": [
      /never ends/,
      (url) => page(`${url}/v1.0/deviceManagement/managedDevices`),
    ],
    "pages in a circle": [
      /never ends: a next page that was read/,
      (url) => page(`${url}/v1.0/deviceManagement/managedDevices?$skiptoken=${++endless % 2}`),
    ],
    "the same device under ever new addresses": [
      /never ends: page after page of devices/,
      (url) => ({
        body: {
          value: [intuneDevice(0)],
          "@odata.nextLink": `${url}/v1.0/deviceManagement/managedDevices?a=1#${++endless}`,
        },
      }),
    ],
    "an address within an address": [/another server/, (url) => page(`blob:${url}/v1.0/x`)],
    "a wait of thirty years": [
      /asks to wait 999999999 s/,
      () => ({ status: 429, headers: { "retry-after": "999999999" } }),
    ],
    "a redirect": [
      /redirect \(302\)/,
      () => ({ status: 302, headers: { location: `${trap.url}/` } }),
    ],
    "a packing that was not offered": [
      /not offered/,
      () => ({ headers: { "content-encoding": "br" } }),
    ],
  }
  const { graph, bed } = await given(t, { devices: 12 })
  const settings = settingsFor(graph, { "full-every": "1m" }, { "max-page": 1, tries: 1 })
  await bed.sweep(settings, connectorOf(settings))
  const before = JSON.stringify([bed.all("devices"), bed.all("postures")])
  for (const [name, [because, answer]] of Object.entries(answers)) {
    bed.pass(3 * 60_000)
    graph.disturb = ({ url }) =>
      url.pathname.endsWith("/managedDevices") ? answer(graph.url) : null
    t.match(await bed.failure(settings, connectorOf(settings)), because, name)
    graph.disturb = () => null
    await bed.sweep(settings, connectorOf(settings))
  }
  t.equal(JSON.stringify([bed.all("devices"), bed.all("postures")]), before)
  t.strictSame(trap.requests, [], "nothing was asked elsewhere")
  const waits = bed.log.map(({ fields }) => Number(fields["again_in_ms"] ?? 0))
  t.equal(Math.max(...waits), 3_600_000, "no server silences its source for longer than an hour")
})

t.test("a server that gives ever more devices is cut off", async (t) => {
  const { graph, bed } = await given(t, { devices: 500 })
  const settings = settingsFor(graph, { "max-devices": 50 })
  t.match(
    await bed.failure(settings, connectorOf(settings)),
    /more than 50 devices \(max-devices\)/,
  )
})

t.test(
  "a wrong credential is told with Microsoft's number, and is nowhere to be found",
  async (t) => {
    const { graph, bed } = await given(t, { secret: "another-one" })
    const settings = settingsFor(graph)
    const because = await bed.failure(settings, connectorOf(settings))
    t.match(
      because,
      /gave no token: 401 invalid_client AADSTS7000215; check the client's id and secret/,
    )
    t.notOk(bed.holdsText("emulated-secret"))
  },
)

t.test(
  "credential and tokens are in no log, store or health after a sweep that failed and went on",
  async (t) => {
    const { graph, bed } = await given(t, { devices: 30 })
    const bearers = new Set<string>()
    let count = 0
    let refusing = true
    disturbAlso(graph, ({ headers }) => {
      bearers.add(headers.authorization?.replace("Bearer ", "") ?? "emulated-secret")
      return ++count >= 3 && refusing
        ? { status: 403, body: { error: headers.authorization } }
        : null
    })
    const settings = settingsFor(graph)
    t.match(await bed.failure(settings, connectorOf(settings)), /403: a permission is missing/)
    refusing = false
    t.ok(await bed.sweep(settings, connectorOf(settings)))
    t.ok(bearers.size >= 2)
    for (const secret of bearers) t.notOk(bed.holdsText(secret))
  },
)

t.test(
  "looked-up apps are named by the catalogue where one alone fits, as a part of what is there",
  async (t) => {
    const { graph, bed } = await given(t, { devices: 10 })
    const settings = settingsFor(graph, { "detected-apps": ["Bank", "Notes", "Game"] })
    t.ok(await bed.sweep(settings, connectorOf(settings)))
    const appsOf = (place: number) =>
      bed.all("postures").find(({ device_id }) => device_id === `intune:${intuneDevice(place).id}`)
    t.match(appsOf(0), {
      apps_partial: true,
      apps: [
        { app_id: "example.bank.ios", version: "4.2", managed: null },
        { app_id: "two.notes", version: "1.0" },
      ],
    })
    t.equal(appsOf(0)?.apps?.length, 2, "neither the Notes that might be one of two, nor the Game")
    t.strictSame(
      appsOf(1)?.apps?.map(({ app_id }) => app_id),
      ["example.bank.android"],
    )
    bed.pass(16 * 60_000)
    graph.requests.length = 0
    t.ok(await bed.sweep(settings, connectorOf(settings)))
    t.equal(bed.all("postures").length, 10, "a sweep of changes says the same")
  },
)

t.test("the inspection CA is told by the state of its profile, by platform", async (t) => {
  const { graph, bed } = await given(t, { devices: 45 })
  const states = ["compliant", "notApplicable", "error", "remediated"] as const
  graph.profilesOf = (place) =>
    place === 8
      ? [{ id: "other", displayName: "Wi-Fi", state: "compliant" }]
      : [{ id: "p1", displayName: "Inspection CA", state: states[place % 4] ?? "unknown" }]
  let throttled = 0
  disturbAlso(graph, ({ url, body }) => {
    if (!url.pathname.endsWith("/$batch") || throttled++ > 0) return null
    const { requests } = JSON.parse(body) as { requests: { id: string }[] }
    const responses = requests.map(({ id }) => ({
      id,
      status: 429,
      headers: { "Retry-After": "0.02" },
    }))
    return { body: { responses } }
  })
  const settings = settingsFor(graph, { "inspection-ca": { profiles: ["Inspection CA"] } })
  t.ok(await bed.sweep(settings, connectorOf(settings)))
  const trust = (place: number) =>
    bed.all("postures").find(({ device_id }) => device_id === `intune:${intuneDevice(place).id}`)
      ?.inspection_ca
  t.strictSame([0, 1, 2, 3, 8].map(trust), [
    "mdm-trusted",
    "absent",
    "unknown",
    "user-store",
    "absent",
  ])
})

/** MDMs that are read by mapping files: the shipped ones and one of the test, over real sockets. */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import t, { type Test } from "tap"
import { mappedConnector } from "../../../src/identity/mdm/mapped/mapped.ts"
import { HttpInventorySettings } from "../../../src/identity/mdm/mapped/settings.ts"
import { fleetHost, startFleet } from "../../emulators/fleet.ts"
import {
  type Asked,
  type Emulator,
  startEmulator,
  type Told,
} from "../../emulators/http-emulator.ts"
import { type MdmBed, mdmBed } from "../../emulators/mdm-bed.ts"
import { type SimpleMdmDevice, simpleMdmDevice, startSimpleMdm } from "../../emulators/simplemdm.ts"
import {
  organizationGroup,
  startWorkspaceOne,
  tenantCode,
  workspaceOneDevice,
} from "../../emulators/workspace-one.ts"

Object.assign(process.env, {
  MAPPED_TOKEN: "emulated-token",
  MAPPED_KEY: "emulated-key",
  MAPPED_ID: "emulated-client",
  MAPPED_SECRET: "emulated-secret",
  MAPPED_TENANT: tenantCode,
})

const shipped = (name: string) =>
  new URL(`../../../deploy/mdm/${name}.yaml`, import.meta.url).pathname

function settingsOf(given: object): HttpInventorySettings {
  return HttpInventorySettings.parse({
    kind: "http",
    name: "test",
    http: { "allow-plain-http": true, tries: 3, "longest-wait": "2s" },
    ...given,
  })
}
const connectorOf = (settings: HttpInventorySettings) =>
  mappedConnector(settings, { clock: Date.now, random: () => 0 })

function given<E extends Emulator>(t: Test, emulator: E): { mdm: E; bed: MdmBed } {
  const bed = mdmBed()
  t.teardown(async () => {
    bed.remove()
    await emulator.close()
  })
  return { mdm: emulator, bed }
}

const fleetSettings = ({ url }: Emulator, more: object = {}) =>
  settingsOf({
    mapping: shipped("fleet"),
    url,
    secrets: { "api-token": { env: "MAPPED_TOKEN" } },
    ...more,
  })
const workspaceOneSettings = ({ url }: Emulator) =>
  settingsOf({
    mapping: shipped("workspace-one"),
    url,
    "token-url": `${url}/connect/token`,
    secrets: {
      "client-id": { env: "MAPPED_ID" },
      "client-secret": { env: "MAPPED_SECRET" },
      "tenant-code": { env: "MAPPED_TENANT" },
    },
    values: { "organization-group": organizationGroup },
  })
const simpleMdmSettings = ({ url }: Emulator) =>
  settingsOf({ mapping: shipped("simplemdm"), url, secrets: { "api-key": { env: "MAPPED_KEY" } } })

const idsIn = (bed: MdmBed) =>
  bed
    .all("devices")
    .map(({ mdm_id }) => Number(mdm_id))
    .sort((a, b) => a - b)
const deviceIn = (bed: MdmBed, id: number) =>
  bed.all("devices").find(({ device_id }) => device_id === `test:${id}`)
const postureIn = (bed: MdmBed, id: number) =>
  bed.all("postures").find(({ device_id }) => device_id === `test:${id}`)
const upTo = (count: number, from = 1) => Array.from({ length: count }, (_, place) => from + place)

t.test("Fleet: phones are read from among laptops, with their apps", async (t) => {
  const { mdm, bed } = given(t, await startFleet({ devices: 450 }))
  const settings = fleetSettings(mdm, { "address-hint": { for: "20m" } })
  t.ok(await bed.sweep(settings, connectorOf(settings)))
  t.strictSame(
    idsIn(bed),
    upTo(450).filter((id) => (id - 1) % 5 !== 3),
  )
  const iphone = fleetHost(0)
  t.match(deviceIn(bed, 1), {
    observed_at: "2026-11-20T12:00:00.000Z",
    platform: "ios",
    os_version: "18.1",
    model: "iPhone16,1",
    serial: iphone.hardware_serial,
    udid: iphone.uuid,
    wifi_mac: iphone.primary_mac,
    user: "user0@contoso.example",
    groups: ["Field"],
  })
  t.match(postureIn(bed, 1), {
    profile: "device",
    managed: true,
    supervised: true,
    compliant: null,
    apps_partial: false,
    apps: [{ app_id: "com.vendor0.app0", version: "0.0" }, {}, {}],
  })
  t.match(postureIn(bed, 2), { profile: "work", supervised: null, apps_partial: true })
  const personal = { platform: "android", serial: null, wifi_mac: null, groups: [] }
  t.match(deviceIn(bed, 2), { ...personal, ownership: "personal" })
  t.match(postureIn(bed, 5), { managed: null, apps: null }, "not enrolled yet")
  t.match(
    bed.all("bindings").find(({ device_id }) => device_id === "test:1"),
    { address: "10.9.0.0", valid_to: "2026-11-20T12:20:00.000Z" },
  )
})

t.test(
  "Workspace ONE: short tokens, 204, times without offset, apps device by device",
  async (t) => {
    const options = { devices: 90, tokenSeconds: 1, largestPage: 25 }
    const { mdm, bed } = given(t, await startWorkspaceOne(options))
    const settings = workspaceOneSettings(mdm)
    let calls = 0
    mdm.disturb = (asked) =>
      asked.url.pathname.endsWith("/apps") && ++calls % 30 === 0
        ? { status: 429, headers: { "retry-after": "0.5" } }
        : null
    t.ok(await bed.sweep(settings, connectorOf(settings)))
    t.strictSame(idsIn(bed), upTo(90, 5_000), "pages are smaller than asked for")
    t.ok(mdm.requests.filter((request) => request.startsWith("POST")).length >= 2)
    const apple = workspaceOneDevice(0)
    t.match(deviceIn(bed, 5_000), {
      observed_at: "2026-11-20T12:00:00.000Z",
      platform: "ios",
      os_version: "18.1.0",
      serial: apple.SerialNumber,
      imei: apple.Imei,
      wifi_mac: apple.MacAddress.toLowerCase().replace(/(..)(?=.)/g, "$1:"),
      user: "user0@contoso.example",
      groups: ["Field"],
    })
    t.match(postureIn(bed, 5_000), {
      profile: "device",
      managed: true,
      supervised: true,
      compliant: true,
      jailbroken: null,
      apps_partial: false,
      apps: [
        { app_id: "com.vendor0.app0", managed: true },
        { app_id: "com.vendor1.app1", managed: false },
      ],
    })
    t.match(postureIn(bed, 5_001), { profile: "work", compliant: false, apps_partial: true })
    t.match(postureIn(bed, 5_013), { jailbroken: true })
    t.match(deviceIn(bed, 5_003), { platform: "other" })
    t.not(deviceIn(bed, 5_007)?.observed_at, "0001-01-01T00:00:00.000Z")
  },
)

t.test(
  "Workspace ONE: between full sweeps the server is asked for what it saw since",
  async (t) => {
    const { mdm, bed } = given(t, await startWorkspaceOne({ devices: 40 }))
    const settings = workspaceOneSettings(mdm)
    await bed.sweep(settings, connectorOf(settings))
    mdm.requests.length = 0
    bed.pass(16 * 60_000)
    t.ok(await bed.sweep(settings, connectorOf(settings)))
    t.match(mdm.requests[1], /seensince=2026-11-20T11:50:00\.000Z/)
    const apps = mdm.requests.filter((request) => request.includes("/apps?")).length
    t.ok(apps > 0 && apps < 15, `apps of ${apps} devices`)
  },
)

t.test("Workspace ONE: a group without devices is none, not an error", async (t) => {
  const { mdm, bed } = given(t, await startWorkspaceOne({ devices: 0 }))
  const settings = workspaceOneSettings(mdm)
  t.ok(await bed.sweep(settings, connectorOf(settings)))
  t.strictSame(bed.all("devices"), [])
})

t.test("SimpleMDM: cursors are followed, nulls are unknown, the key is the user", async (t) => {
  const { mdm, bed } = given(t, await startSimpleMdm({ devices: 120 }))
  const settings = simpleMdmSettings(mdm)
  t.ok(await bed.sweep(settings, connectorOf(settings)))
  t.strictSame(idsIn(bed), upTo(120, 121))
  t.match(deviceIn(bed, 121), {
    platform: "ios",
    model: "iPhone16,1",
    serial: simpleMdmDevice(0).attributes.serial_number,
    user: "user0@contoso.example",
    observed_at: "2026-11-20T12:00:00.000Z",
  })
  t.match(deviceIn(bed, 130), { platform: "unknown", serial: null, wifi_mac: null })
  t.match(postureIn(bed, 130), { managed: null, supervised: null })
  t.match(postureIn(bed, 121), {
    managed: true,
    supervised: true,
    apps: [{ version: "0.0" }, { app_id: "com.vendor1.app1", version: "1.0.1042" }, {}],
  })
  t.strictSame(bed.all("bindings"), [], "its address is the one after NAT")
})

t.test(
  "a device that goes between list and apps keeps its row and loses nothing else",
  async (t) => {
    const { mdm, bed } = given(t, await startSimpleMdm({ devices: 5 }))
    mdm.disturb = ({ url }) => (url.pathname.includes("/123/") ? { status: 404 } : null)
    const settings = simpleMdmSettings(mdm)
    t.ok(await bed.sweep(settings, connectorOf(settings)))
    t.strictSame(idsIn(bed), upTo(5, 121))
    t.equal(
      postureIn(bed, 123),
      undefined,
      "nothing is said of its apps, so nothing of its posture",
    )
    t.equal(bed.all("postures").length, 4)
  },
)

t.test("an outage in the middle ends the sweep, which goes on at its page", async (t) => {
  const { mdm, bed } = given(t, await startSimpleMdm({ devices: 250 }))
  const settings = simpleMdmSettings(mdm)
  mdm.disturb = ({ url }) =>
    url.searchParams.get("starting_after") === "320" ? { status: 503 } : null
  t.match(await bed.failure(settings, connectorOf(settings)), /answered 503/)
  t.equal(bed.all("devices").length, 200)
  mdm.disturb = () => null
  mdm.requests.length = 0
  t.ok(await bed.sweep(settings, connectorOf(settings)))
  t.match(mdm.requests[0], /starting_after=320/)
  t.strictSame(idsIn(bed), upTo(250, 121))
  t.equal(bed.all("postures").length, 250, "none is doubled")
})

t.test("garbage rows and garbage apps are refused alone, without a word of them", async (t) => {
  const { mdm, bed } = given(t, await startSimpleMdm({ devices: 8 }))
  const odd = (attributes: object, place: number): unknown => {
    const device = simpleMdmDevice(place)
    return { ...device, attributes: { ...device.attributes, ...attributes } }
  }
  mdm.devices[0] = odd({ wifi_mac: "topsecret" }, 0)
  mdm.devices[1] = odd({ serial_number: { topsecret: 1 } }, 1)
  mdm.devices[2] = odd({ last_seen_at: "yesterday" }, 2)
  mdm.devices[3] = { ...(simpleMdmDevice(3) as SimpleMdmDevice), id: "../../account" }
  mdm.devices[4] = odd({ model_name: "x".repeat(5_000), product_name: null }, 4)
  mdm.disturb = ({ url }) =>
    url.pathname.includes("/126/")
      ? { body: '{"data": [{"attributes": {"identifier": [1]}}]}' }
      : null
  const settings = simpleMdmSettings(mdm)
  t.ok(await bed.sweep(settings, connectorOf(settings)))
  t.strictSame(idsIn(bed), [127, 128])
  t.match(bed.health(), {
    rejected: 6,
    rejected_because: { "/attributes/wifi_mac is not a hardware address": 1 },
  })
  t.notOk(bed.holdsText("topsecret"))
  t.ok(mdm.requests.every((request) => !request.includes("account")))
})

t.test("answers that would harm end the sweep and change nothing", async (t) => {
  const { mdm, bed } = given(t, await startFleet({ devices: 5 }))
  const evil = given(t, await startFleet({ devices: 5 })).mdm
  const settings = fleetSettings(mdm)
  await bed.sweep(settings, connectorOf(settings))
  const before = bed.all("devices").length
  for (const [what, told] of Object.entries<Told>({
    "an error page": { body: "<html>" },
    "another object": { body: { message: "hello" } },
    "hosts that are no list": { body: { hosts: { length: 5 } } },
    "nested without end": { body: `{"hosts":${"[".repeat(100_000)}` },
    "a redirect": { status: 307, headers: { location: `${evil.url}/api/v1/fleet/hosts` } },
    "the same page for ever": { body: { hosts: [fleetHost(0)] } },
    "no permission": { status: 403, body: {} },
  })) {
    mdm.disturb = () => told
    bed.pass(13 * 3_600_000)
    t.not(await bed.failure(settings, connectorOf(settings)), "", what)
    t.equal(bed.all("devices").length, before, what)
  }
  t.strictSame(evil.requests, [], "the other host was never asked")
})

t.test("secrets get into neither store nor log, also when they are refused", async (t) => {
  const { mdm, bed } = given(t, await startFleet({ devices: 3, token: "another" }))
  const settings = fleetSettings(mdm)
  t.match(await bed.failure(settings, connectorOf(settings)), /401/)
  t.notOk(bed.holdsText("emulated-token"))
})

t.test("more devices than one sweep may call are called in turns", async (t) => {
  const { mdm, bed } = given(t, await startSimpleMdm({ devices: 7 }))
  const file = mappingFile(
    t,
    (text) => text.replaceAll("per-sweep: 20000", "per-sweep: 3"),
    "simplemdm",
  )
  const settings = settingsOf({
    mapping: file,
    url: mdm.url,
    secrets: { "api-key": { env: "MAPPED_KEY" } },
    "changed-every": null,
  })
  const connector = connectorOf(settings)
  const called: string[][] = []
  for (let sweeps = 0; sweeps < 4; sweeps++) {
    mdm.requests.length = 0
    t.ok(await bed.sweep(settings, connector))
    called.push(mdm.requests.flatMap((request) => /devices\/(\d+)/.exec(request)?.[1] ?? []).sort())
    bed.pass(13 * 3_600_000)
  }
  t.strictSame(called, [
    ["121", "122", "123"],
    ["124", "125", "126"],
    ["127"],
    ["121", "122", "123"],
  ])
  t.equal(bed.all("postures").length, 7)
})

/** A shipped mapping, changed. */
function mappingFile(t: Test, change: (text: string) => string, name: string): string {
  return writtenMapping(t, change(readFileSync(shipped(name), "utf8")))
}

function writtenMapping(t: Test, text: string): string {
  const dir = mkdtempSync(join(tmpdir(), "pinsensor-mapping-"))
  t.teardown(() => rmSync(dir, { recursive: true, force: true }))
  const file = join(dir, "mapping.yaml")
  writeFileSync(file, text)
  return file
}

/**
 * An MDM of nobody's making: a login for a token, rows in two envelopes, numbers and booleans as texts,
 * a relative next link, details in a call for each device, epoch seconds.
 */
async function startOdd(devices: number): Promise<Emulator & { next: (page: number) => string }> {
  const told = (page: number) => `?page=${page}&size=3`
  const emulator = Object.assign(
    await startEmulator({}, (asked): Told => {
      const { pathname, searchParams } = asked.url
      if (pathname === "/mdm/rest/login") return login(asked)
      if (asked.headers.authorization !== "Bearer jwt.of.odd") return { status: 401 }
      if (pathname === "/mdm/rest/acme/units") return list(Number(searchParams.get("page") ?? 1))
      const id = /^\/mdm\/rest\/acme\/units\/(.+)$/.exec(decodeURIComponent(pathname))?.[1]
      return id === undefined ? { status: 404 } : { body: [detail(id)] }
    }),
    { next: told },
  )
  return emulator

  function login({ body }: Asked): Told {
    const given = JSON.parse(body)
    const good = given.user === "reader" && given.pass === "emulated-secret"
    return good ? { body: { session: { jwt: "jwt.of.odd" } } } : { status: 401 }
  }
  function list(page: number): Told {
    const from = (page - 1) * 3
    const numbers = upTo(devices, 0).slice(from, from + 3)
    const rows = numbers.map((number) => ({ ref: `unit/${number}`, deleted: "N" }))
    const next = from + 3 < devices ? emulator.next(page + 1) : ""
    return {
      body: { envelope: { payload: { units: rows } }, nav: { next }, count: String(devices) },
    }
  }
  function detail(ref: string) {
    const number = Number(ref.split("/")[1])
    return {
      key: ref,
      os: { family: "ANDROID-ENTERPRISE", release: 16 },
      maker: "Acme",
      model: 7,
      mac: `00.11.22.33.44.${String(number).padStart(2, "0")}`.replaceAll(".", "-"),
      heard: String(Date.parse("2026-11-20T12:00:00Z") / 1_000 - number),
      flags: { managed: "1", rooted: number === 2 ? "Y" : "N" },
      tags: [{ label: "b" }, { label: "a" }],
      software: {
        list: [
          { pkg: "com.a", sha: "AB".repeat(32), gone: "0" },
          { pkg: "com.b", gone: "1" },
        ],
      },
    }
  }
}

const oddMapping = `
mapping: odd
version: 3
api: of nobody's making
reviewed-by: the test
reviewed-at: 2026-11-21
auth:
  kind: login
  path: /rest/login
  body: { user: { text: reader }, pass: { secret: password } }
  token: /session/jwt
list:
  path: /rest/{customer}/units
  rows: /envelope/payload/units
  total: /count
  paging: { kind: link, next: /nav/next }
  only: [{ at: /deleted, in: [N] }]
detail:
  path: /rest/{customer}/units/{ref}
  parameters: { ref: /ref }
  at: /0
  at-once: 3
device:
  id: /key
  platform: { at: /os/family, lower: true, table: { "android*": android } }
  seen: { at: /heard, time: epoch-seconds }
  os_version: /os/release
  model: { concat: [/maker, { text: " " }, /model] }
  wifi_mac: /mac
  groups: { at: /tags, each: /label }
posture:
  managed: { at: /flags/managed, table: { "1": true, "0": false } }
  jailbroken: { at: /flags/rooted, table: { Y: true, N: false } }
apps:
  in: /software/list
  id: /pkg
  signer_sha256: /sha
  installed: { at: /gone, table: { "0": true, "1": false } }
`

t.test("an API with quirks of its own is read by a mapping that names them", async (t) => {
  const { mdm, bed } = given(t, await startOdd(8))
  const settings = settingsOf({
    mapping: writtenMapping(t, oddMapping),
    url: `${mdm.url}/mdm/`,
    secrets: { password: { env: "MAPPED_SECRET" } },
    values: { customer: "acme" },
  })
  t.ok(await bed.sweep(settings, connectorOf(settings)))
  t.equal(bed.all("devices").length, 8)
  t.match(
    bed.all("devices").find(({ device_id }) => device_id === "test:unit/2"),
    {
      platform: "android",
      os_version: "16",
      model: "Acme 7",
      wifi_mac: "00:11:22:33:44:02",
      observed_at: "2026-11-20T11:59:58.000Z",
      groups: ["a", "b"],
    },
  )
  t.match(
    bed.all("postures").find(({ device_id }) => device_id === "test:unit/2"),
    {
      managed: true,
      jailbroken: true,
      apps: [{ app_id: "com.a", signer_sha256: "ab".repeat(32) }],
    },
  )
  t.ok(mdm.requests.includes("GET /mdm/rest/acme/units/unit/2"))
})

t.test("a next link to another host is not followed, and nothing is sent there", async (t) => {
  const evil = given(t, await startFleet({ devices: 1 })).mdm
  const { mdm, bed } = given(t, await startOdd(8))
  const settings = settingsOf({
    mapping: writtenMapping(t, oddMapping),
    url: `${mdm.url}/mdm`,
    secrets: { password: { env: "MAPPED_SECRET" } },
    values: { customer: "acme" },
  })
  for (const link of [evil.url, evil.url.replace("http:", ""), "http://[", "file:///etc/passwd"]) {
    mdm.next = () => link
    t.not(await bed.failure(settings, connectorOf(settings)), "", link)
  }
  t.strictSame(evil.requests, [])
  t.equal(bed.all("devices").length, 3, "the first page is kept")
})

t.test("what source and mapping do not agree on is told at the start", (t) => {
  const base = { mapping: shipped("fleet"), url: "https://fleet.example" }
  const token = { "api-token": { env: "MAPPED_TOKEN" } }
  const rows: [string, object, RegExp][] = [
    ["a secret is missing", {}, /secrets\.api-token is missing: the mapping fleet asks for it/],
    [
      "one is too many",
      { secrets: { ...token, other: { env: "X" } } },
      /secrets\.other is not asked/,
    ],
    [
      "a value is too many",
      { secrets: token, values: { group: "7" } },
      /values\.group is not asked/,
    ],
    [
      "a token URL",
      { secrets: token, "token-url": "https://a.example/t" },
      /token-url is not asked/,
    ],
    [
      "another sum",
      { secrets: token, "mapping-sha256": "0".repeat(64) },
      /has the SHA-256 [0-9a-f]{64}/,
    ],
    ["no such file", { mapping: "/nowhere.yaml", secrets: token }, /cannot be read \(ENOENT\)/],
    [
      "no address in it",
      {
        mapping: shipped("simplemdm"),
        secrets: { "api-key": token["api-token"] },
        "address-hint": {},
      },
      /knows no address/,
    ],
  ]
  for (const [what, more, expected] of rows)
    t.throws(() => connectorOf(settingsOf({ ...base, ...more })), { message: expected }, what)
  t.end()
})

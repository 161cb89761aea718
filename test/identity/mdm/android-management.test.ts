/** The Android Management API, polled as the collector does it, from an emulator over real sockets. */
import { generateKeyPairSync } from "node:crypto"
import t, { type Test } from "tap"
import { androidManagementConnector } from "../../../src/identity/mdm/android-management/android-management.ts"
import { AndroidManagementSettings } from "../../../src/identity/mdm/android-management/settings.ts"
import {
  type AndroidDevice,
  type AndroidManagementEmulator,
  type AndroidManagementOptions,
  androidDevice,
  enterprise,
  inspectionCaSha256,
  startAndroidManagement,
} from "../../emulators/android-management.ts"
import type { Asked } from "../../emulators/http-emulator.ts"
import { type MdmBed, mdmBed } from "../../emulators/mdm-bed.ts"

function settingsFor({ url }: { url: string }, more: object = {}): AndroidManagementSettings {
  return AndroidManagementSettings.parse({
    name: "test",
    kind: "android-management",
    enterprise,
    "service-account": { env: "ANDROID_TEST_KEY" },
    url,
    "token-url": `${url}/token`,
    "inspection-ca": { sha256: [inspectionCaSha256] },
    http: { "allow-plain-http": true, tries: 3, "longest-wait": "2s" },
    ...more,
  })
}

const connectorOf = (settings: AndroidManagementSettings) =>
  androidManagementConnector(settings, { clock: Date.now, random: () => 0 })

async function given(
  t: Test,
  options: AndroidManagementOptions = {},
): Promise<{ api: AndroidManagementEmulator; bed: MdmBed }> {
  const api = await startAndroidManagement(options)
  process.env["ANDROID_TEST_KEY"] = api.keyFile
  const bed = mdmBed()
  t.teardown(async () => {
    bed.remove()
    await api.close()
  })
  return { api, bed }
}

const isList = ({ url }: Asked) => url.pathname.endsWith("/devices")
const idOf = (device: AndroidDevice) => device.name?.split("/").at(-1) ?? ""
const idsIn = (bed: MdmBed) =>
  bed
    .all("devices")
    .map(({ mdm_id }) => mdm_id ?? "")
    .sort()
const upTo = (count: number) =>
  Array.from({ length: count }, (_, place) => idOf(androidDevice(place))).sort()
const postureOf = (bed: MdmBed, place: number) =>
  bed
    .all("postures")
    .filter(({ device_id }) => device_id === `android-management:${idOf(androidDevice(place))}`)

t.test("all pages give devices, and the posture of the profile that is managed", async (t) => {
  const { api, bed } = await given(t, { devices: 250 })
  const settings = settingsFor(api)
  t.ok(await bed.sweep(settings, connectorOf(settings)))
  t.strictSame(idsIn(bed), upTo(250))
  t.equal(api.requests.filter((request) => request.includes("/devices?")).length, 3)
  t.match(
    bed.all("devices").find(({ mdm_id }) => mdm_id === idOf(androidDevice(0))),
    {
      device_id: `android-management:${idOf(androidDevice(0))}`,
      observed_at: "2026-11-20T12:00:00.123Z",
      platform: "android",
      os_version: "16",
      model: "Pixel 9",
      serial: androidDevice(0).hardwareInfo?.serialNumber,
      imei: "350000000000000",
      wifi_mac: androidDevice(0).networkInfo?.wifiMacAddress,
      user: "user0@contoso.example",
      groups: ["fully-managed"],
      ownership: "company",
      source: "android-management",
    },
  )
  t.match(postureOf(bed, 0), [
    {
      profile: "device",
      managed: true,
      supervised: null,
      compliant: true,
      jailbroken: false,
      inspection_ca: "user-store",
      apps_partial: false,
      apps: [
        { app_id: "com.vendor0.app0", version: "0.0", signer_sha256: null, managed: true },
        { app_id: "com.vendor1.app1", version: "1.0", managed: false },
        { app_id: "com.vendor2.app2", managed: false },
      ],
    },
  ])
  t.match(postureOf(bed, 6), [{ compliant: false }])
  t.match(postureOf(bed, 5), [{ jailbroken: true }])
})

t.test("a personal device has a work posture, and no serial that is none", async (t) => {
  const { api, bed } = await given(t, { devices: 4 })
  const settings = settingsFor(api)
  t.ok(await bed.sweep(settings, connectorOf(settings)))
  const personal = androidDevice(3)
  t.match(
    bed.all("devices").find(({ mdm_id }) => mdm_id === idOf(personal)),
    {
      serial: null,
      wifi_mac: null,
      imei: null,
      ownership: "personal",
      udid: personal.hardwareInfo?.enterpriseSpecificId,
    },
  )
  t.match(postureOf(bed, 3), [{ profile: "work", managed: true, inspection_ca: "unknown" }])
})

t.test("a device that says hardly anything is unknown in all it does not say", async (t) => {
  const { api, bed } = await given(t, { devices: 0 })
  api.devices.push(androidDevice(9))
  const settings = settingsFor(api)
  t.ok(await bed.sweep(settings, connectorOf(settings)))
  t.match(bed.all("devices"), [{ serial: null, user: null, os_version: null, groups: [] }])
  t.match(bed.all("postures"), [
    { managed: true, compliant: null, jailbroken: null, apps: null, inspection_ca: "unknown" },
  ])
})

t.test("the CA is only said to be there by the very policy that the device applied", async (t) => {
  const { api, bed } = await given(t, { devices: 0 })
  const applied = androidDevice(0)
  api.devices.push(
    applied,
    { ...androidDevice(1), appliedPolicyVersion: "6" },
    {
      ...androidDevice(2),
      nonComplianceDetails: [{ settingName: "openNetworkConfiguration" }],
    } satisfies AndroidDevice,
    { ...androidDevice(4), appliedPolicyName: `${enterprise}/policies/deleted` },
    { ...androidDevice(5), appliedPolicyName: "enterprises/other/policies/fully-managed" },
  )
  const settings = settingsFor(api)
  t.ok(await bed.sweep(settings, connectorOf(settings)))
  const trust = [0, 1, 2, 4, 5].map((place) => postureOf(bed, place)[0]?.inspection_ca)
  t.strictSame(trust, ["user-store", "unknown", "unknown", "unknown", "unknown"])
  t.notOk(api.requests.some((request) => request.includes("enterprises/other")))
})

t.test("a SHA-256 fingerprint of one signer is taken, SHA-1 and several are not", async (t) => {
  const { api, bed } = await given(t, { devices: 0 })
  const sha256 = "AB:".repeat(31).concat("AB")
  const report = (packageName: string, signingKeyCertFingerprints: string[]) => ({
    packageName,
    state: "INSTALLED",
    signingKeyCertFingerprints,
  })
  api.devices.push({
    ...androidDevice(0),
    applicationReports: [
      report("a.sha1", ["ab".repeat(20)]),
      report("b.sha256", [sha256]),
      report("c.two", [sha256, sha256]),
      { packageName: "d.none" },
    ],
  } satisfies AndroidDevice)
  const settings = settingsFor(api)
  t.ok(await bed.sweep(settings, connectorOf(settings)))
  const signers = bed.all("postures")[0]?.apps?.map(({ signer_sha256 }) => signer_sha256)
  t.strictSame(signers, [null, "ab".repeat(32), null, null])
})

t.test("without inspection-ca no Wi-Fi configuration is asked for", async (t) => {
  const { api, bed } = await given(t, { devices: 2 })
  const settings = settingsFor(api, { "inspection-ca": null })
  t.ok(await bed.sweep(settings, connectorOf(settings)))
  t.ok(api.requests.some((request) => request.includes("/policies/")))
  t.notOk(api.requests.some((request) => request.includes("openNetworkConfiguration")))
})

t.test("a sweep outlives tokens of a second, throttling, outages and broken answers", async (t) => {
  const { api, bed } = await given(t, { devices: 450, tokenSeconds: 1 })
  const disturbances = [
    { status: 429, headers: { "retry-after": "0.4" } },
    { status: 503, body: "<html>" },
    "reset",
    "half",
    { status: 401, body: {} },
    { status: 500, headers: { "retry-after": "0.7" } },
  ] as const
  api.disturb = alternately(disturbances)
  const settings = settingsFor(api)
  t.ok(await bed.sweep(settings, connectorOf(settings)))
  t.strictSame(idsIn(bed), upTo(450))
  t.equal(bed.all("postures").length, 450, "none is doubled")
  t.ok(api.requests.filter((request) => request === "POST /token").length >= 2)
})

/** Every second list is disturbed, each time otherwise. */
function alternately<D>(disturbances: readonly D[]) {
  let lists = 0
  return (asked: Asked): D | null => {
    if (!isList(asked)) return null
    lists++
    return lists % 2 === 1 ? (disturbances[(lists - 1) / 2] ?? null) : null
  }
}

t.test("a sweep that an outage ends goes on at its page", async (t) => {
  const { api, bed } = await given(t, { devices: 350 })
  const settings = settingsFor(api)
  let lists = 0
  api.disturb = (asked) => (isList(asked) && ++lists > 2 ? { status: 503 } : null)
  t.match(await bed.failure(settings, connectorOf(settings)), /answered 503/)
  t.equal(bed.all("devices").length, 200)
  t.match(bed.health(), { state: "failing" })
  api.disturb = () => null
  api.requests.length = 0
  t.ok(await bed.sweep(settings, connectorOf(settings)))
  t.strictSame(idsIn(bed), upTo(350))
  t.match(
    api.requests.find((request) => request.includes("/devices?")),
    /pageToken=/,
  )
})

t.test("between full sweeps only devices that reported since are stored", async (t) => {
  const { api, bed } = await given(t, { devices: 230 })
  const settings = settingsFor(api)
  await bed.sweep(settings, connectorOf(settings))
  const changed = api.devices[220] as AndroidDevice
  api.devices[220] = {
    ...changed,
    policyCompliant: false,
    lastStatusReportTime: "2026-11-20T12:30:00Z",
  }
  api.devices[221] = { ...androidDevice(221), policyCompliant: false }
  bed.pass(16 * 60_000)
  t.ok(await bed.sweep(settings, connectorOf(settings)))
  t.equal(postureOf(bed, 220).length, 2)
  t.equal(postureOf(bed, 221).length, 1, "it did not report: the next full sweep looks at it")
})

t.test(
  "garbage rows are refused one by one, with the reason and none of their content",
  async (t) => {
    const { api, bed } = await given(t, { devices: 6 })
    const whole = androidDevice(50)
    api.devices[1] = null
    api.devices[2] = { ...whole, name: "../../../etc/passwd" }
    api.devices[3] = { ...whole, applicationReports: "topsecret" }
    api.devices[4] = { ...whole, hardwareInfo: [[[]]], policyCompliant: "topsecret" }
    const settings = settingsFor(api)
    t.ok(await bed.sweep(settings, connectorOf(settings)))
    t.strictSame(idsIn(bed), [0, 5].map((place) => idOf(androidDevice(place))).sort())
    t.match(bed.health(), { rejected: 4 })
    t.notOk(bed.holdsText("topsecret"))
  },
)

t.test("answers that would harm end the sweep and leave what is stored", async (t) => {
  const { api, bed } = await given(t, { devices: 3 })
  const settings = settingsFor(api)
  await bed.sweep(settings, connectorOf(settings))
  const before = bed.all("devices").length
  for (const [what, told] of Object.entries({
    "no devices but an error page": { body: '{"devices": "none"}' },
    "no JSON": { body: "<html>hello</html>" },
    "nested without end": { body: `{"devices":${"[".repeat(100_000)}` },
    "a redirect to another host": { status: 302, headers: { location: "https://evil.example/" } },
    "the same page for ever": { body: { devices: [], nextPageToken: "again" } },
  })) {
    api.disturb = (asked) => (isList(asked) ? told : null)
    bed.pass(13 * 3_600_000)
    t.not(await bed.failure(settings, connectorOf(settings)), "", what)
    t.equal(bed.all("devices").length, before, what)
  }
})

t.test("neither the key nor a token gets into store, health or log", async (t) => {
  const { api, bed } = await given(t, { devices: 3 })
  const bearers = new Set<string>()
  api.disturb = ({ headers }) => {
    if (headers.authorization) bearers.add(headers.authorization.replace("Bearer ", ""))
    return null
  }
  const settings = settingsFor(api)
  t.ok(await bed.sweep(settings, connectorOf(settings)))
  api.revoke()
  bed.pass(13 * 3_600_000)
  const why = await bed.failure(settings, connectorOf(settings))
  t.match(why, /invalid_grant/)
  const key = JSON.parse(api.keyFile).private_key.split("\n")[3]
  for (const secret of [key, ...bearers]) t.notOk(bed.holdsText(secret))
})

t.test("a key file that is none says what to do and shows nothing of it", async (t) => {
  const { api, bed } = await given(t, { devices: 1 })
  const { privateKey } = generateKeyPairSync("ec", { namedCurve: "P-256" })
  const elliptic = privateKey.export({ type: "pkcs8", format: "pem" })
  const settings = settingsFor(api)
  for (const [file, expected] of [
    ["topsecret", /no key file of a service account/],
    [JSON.stringify({ type: "authorized_user" }), /service account \(type\)/],
    [
      JSON.stringify({ ...JSON.parse(api.keyFile), private_key: elliptic }),
      /private_key is no RSA key/,
    ],
  ] as const) {
    process.env["ANDROID_TEST_KEY"] = file
    t.match(await bed.failure(settings, connectorOf(settings)), expected)
  }
  t.notOk(bed.holdsText("topsecret"))
})

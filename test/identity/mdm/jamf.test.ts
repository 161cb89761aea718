/** Jamf Pro, polled as the collector does it, from an emulator over real sockets. */
import type { AddressInfo } from "node:net"
import { gzipSync } from "node:zlib"
import t, { type Test } from "tap"
import { jamfConnector } from "../../../src/identity/mdm/jamf/jamf.ts"
import { JamfSettings } from "../../../src/identity/mdm/jamf/settings.ts"
import type { SourceHealth } from "../../../src/record/source-health.ts"
import {
  caProfile,
  clientId,
  type JamfDevice,
  type JamfEmulator,
  type JamfOptions,
  jamfDevice,
  startJamf,
} from "../../emulators/jamf.ts"
import { type MdmBed, mdmBed } from "../../emulators/mdm-bed.ts"
import { testCa } from "../../support/certificates.ts"
import { connectProxy } from "../../support/connect-proxy.ts"

process.env["JAMF_TEST_SECRET"] = "emulated-secret"

function settingsFor({ url }: { url: string }, more: object = {}, http: object = {}): JamfSettings {
  return JamfSettings.parse({
    name: "test",
    kind: "jamf",
    url,
    "client-id": clientId,
    "client-secret": { env: "JAMF_TEST_SECRET" },
    "page-size": 10,
    http: { "allow-plain-http": true, tries: 3, "longest-wait": "2s", ...http },
    ...more,
  })
}

const connectorOf = (settings: JamfSettings) =>
  jamfConnector(settings, { clock: Date.now, random: () => 0 })

async function given(
  t: Test,
  options: JamfOptions = {},
): Promise<{ jamf: JamfEmulator; bed: MdmBed }> {
  const jamf = await startJamf(options)
  const bed = mdmBed()
  t.teardown(async () => {
    bed.remove()
    await jamf.close()
  })
  return { jamf, bed }
}

const isList = ({ url }: { url: URL }) => url.pathname.endsWith("/detail")
const idsIn = (bed: MdmBed) =>
  bed
    .all("devices")
    .map(({ mdm_id }) => Number(mdm_id))
    .sort((a, b) => a - b)
const upTo = (count: number) => Array.from({ length: count }, (_, place) => place + 1)

t.test("one list over TLS gives device, posture, apps and a hint of the address", async (t) => {
  const ca = await testCa()
  t.teardown(() => ca.remove())
  const { jamf, bed } = await given(t, { devices: 25, tls: await ca.issue("jamf", "IP:127.0.0.1") })
  const settings = settingsFor(
    jamf,
    { "inspection-ca": { profiles: [caProfile] }, "address-hint": { for: "20m", realm: "campus" } },
    { ca: ca.file },
  )
  t.ok(await bed.sweep(settings, connectorOf(settings)))
  t.strictSame(idsIn(bed), upTo(25))
  const told = jamfDevice(0)
  t.match(
    bed.all("devices").find(({ mdm_id }) => mdm_id === "1"),
    {
      device_id: "jamf:1",
      observed_at: told.general.lastInventoryUpdateDate,
      platform: "ios",
      os_version: "18.1",
      model: "iPad14,8",
      serial: told.hardware.serialNumber,
      udid: told.general.udid,
      imei: "350000000000000",
      wifi_mac: told.hardware.wifiMacAddress.toLowerCase(),
      user: "user0",
      groups: ["Ward"],
      ownership: "company",
    },
  )
  const postureOf = (id: string) =>
    bed.all("postures").find(({ device_id }) => device_id === `jamf:${id}`)
  t.match(postureOf("1"), {
    managed: true,
    supervised: true,
    compliant: null,
    jailbroken: false,
    inspection_ca: "mdm-trusted",
    apps_partial: false,
    apps: [
      { app_id: "com.vendor0.app0", version: "0.0", managed: true },
      { app_id: "com.vendor1.app1", version: "1.0", managed: false },
      { app_id: "com.vendor2.app2", managed: true },
    ],
  })
  t.equal(postureOf("2")?.inspection_ca, "absent", "Jamf lists other profiles")
  t.equal(postureOf("10")?.apps_partial, true, "User Enrollment shows managed apps only")
  const hints = bed.all("bindings")
  t.equal(hints.length, 19, "of 25 devices six have no address")
  t.match(
    hints.find(({ device_id }) => device_id === "jamf:2"),
    {
      address: "10.0.0.1",
      realm: "campus",
      source: "mdm",
      confidence: 0.2,
      valid_from: jamfDevice(1).general.lastInventoryUpdateDate,
      valid_to: "2026-11-20T12:19:00.000Z",
    },
  )
})

t.test(
  "a proxy carries the requests, with its own credentials, and packed answers are unpacked",
  async (t) => {
    const ca = await testCa()
    const { jamf, bed } = await given(t, {
      devices: 12,
      tls: await ca.issue("jamf", "IP:127.0.0.1"),
    })
    const proxy = connectProxy()
    await new Promise<void>((resolve) => proxy.server.listen(0, "127.0.0.1", resolve))
    t.teardown(async () => {
      proxy.server.close()
      await ca.remove()
    })
    process.env["JAMF_TEST_PROXY"] = "relay:pass word"
    const { port } = proxy.server.address() as AddressInfo
    const user = { env: "JAMF_TEST_PROXY" }
    const via = { ca: ca.file, proxy: `http://127.0.0.1:${port}`, "proxy-user": user }
    const settings = settingsFor(jamf, {}, via)
    const packed: (string | undefined)[] = []
    jamf.disturb = ({ headers }) => {
      packed.push(headers["accept-encoding"])
      return null
    }
    t.ok(await bed.sweep(settings, connectorOf(settings)))
    t.strictSame(idsIn(bed), upTo(12))
    const basic = Buffer.from("relay:pass word").toString("base64")
    t.strictSame([...new Set(proxy.asked)], [`CONNECT ${new URL(jamf.url).host}`])
    t.match(proxy.heads[0]?.toLowerCase(), `proxy-authorization: basic ${basic}`.toLowerCase())
    t.ok(packed.every((encoding) => encoding === "gzip"))
  },
)

t.test("an answer that is packed is read, and one that unpacks without end is not", async (t) => {
  const { jamf, bed } = await given(t, { devices: 5 })
  const settings = settingsFor(jamf, {}, { "max-page": 1 })
  const list = { totalCount: 5, results: jamf.devices }
  const answers = { good: JSON.stringify(list), bomb: " ".repeat(40 << 20) }
  const headers = { "content-encoding": "gzip" }
  const give = (body: string) => {
    const bytes = gzipSync(body)
    jamf.disturb = (asked) => (isList(asked) ? { headers, body: bytes } : null)
  }
  give(answers.bomb)
  t.match(await bed.failure(settings, connectorOf(settings)), /more than 1 MiB in one answer/)
  give(answers.good)
  t.ok(await bed.sweep(settings, connectorOf(settings)))
  t.equal(bed.all("devices").length, 5)
})

t.test("a sweep that takes long says how far it is", async (t) => {
  const { jamf, bed } = await given(t, { devices: 30 })
  const settings = settingsFor(jamf)
  const told: (SourceHealth["progress"] | undefined)[] = []
  jamf.disturb = (asked) => {
    // Progress is told every two seconds.
    if (isList(asked)) bed.pass(3_000)
    if (isList(asked)) told.push(bed.health()?.progress)
    return null
  }
  t.ok(await bed.sweep(settings, connectorOf(settings)))
  t.match(told.slice(1), [
    { done: 10, of: 30 },
    { done: 20, of: 30 },
  ])
  t.equal(bed.health()?.progress, null, "and nothing of it once it is over")
})

t.test("addresses that name no device make no hint", async (t) => {
  const { jamf, bed } = await given(t, { devices: 8 })
  const addresses = [
    "127.0.0.1",
    "0.0.0.0",
    "169.254.3.4",
    "224.0.0.1",
    "::1",
    "fe80::1",
    "10.0.0.0/8",
    "none",
  ]
  for (const [place, ipAddress] of addresses.entries())
    (jamf.devices[place] as JamfDevice).general.ipAddress = ipAddress
  const settings = settingsFor(jamf)
  t.ok(await bed.sweep(settings, connectorOf(settings)))
  t.strictSame(bed.all("bindings"), [])
  t.equal(bed.all("devices").length, 8)
})

t.test("a section that the client may not see is unknown, not empty", async (t) => {
  const hidden = ["APPLICATIONS", "HARDWARE", "PROFILES", "SECURITY"]
  const { jamf, bed } = await given(t, { devices: 3, hidden })
  const settings = settingsFor(jamf, { "inspection-ca": { profiles: [caProfile] } })
  t.ok(await bed.sweep(settings, connectorOf(settings)))
  t.match(bed.all("postures")[0], {
    apps: null,
    inspection_ca: "unknown",
    jailbroken: null,
    managed: true,
  })
  t.match(bed.all("devices")[0], { serial: null, wifi_mac: null, udid: jamfDevice(0).general.udid })
})

t.test("a sweep outlives tokens of one second, and fetches each before it ends", async (t) => {
  const { jamf, bed } = await given(t, { devices: 30, tokenSeconds: 1 })
  let refused = 0
  let pages = 0
  const answers = new Map<string, number>()
  jamf.disturb = (asked) => {
    if (!isList(asked)) return null
    if (!jamf.tokens.accept(asked)) refused++
    const { href } = asked.url
    answers.set(href, (answers.get(href) ?? 0) + 1)
    // Each page has the poller wait, so that the sweep takes longer than a token lives.
    if (answers.get(href) === 1 && ++pages > 1)
      return { status: 503, headers: { "retry-after": "0.5" } }
    return null
  }
  const settings = settingsFor(jamf)
  t.ok(await bed.sweep(settings, connectorOf(settings)))
  t.strictSame(idsIn(bed), upTo(30))
  const tokens = jamf.requests.filter((request) =>
    request.startsWith("POST /api/oauth/token"),
  ).length
  t.ok(tokens >= 2 && tokens <= 6, `${tokens} tokens`)
  t.ok(refused <= 1, "none was used after its end but by chance")
})

t.test(
  "devices that go, come and move while pages are read are neither lost nor doubled",
  async (t) => {
    const { jamf, bed } = await given(t, { devices: 60 })
    let pages = 0
    jamf.disturb = (asked) => {
      if (!isList(asked)) return null
      pages++
      if (pages === 3) jamf.devices.splice(0, 7)
      if (pages === 5) jamf.devices.push(jamfDevice(60), jamfDevice(61))
      if (pages === 6) jamf.devices.splice(3, 1)
      return null
    }
    const settings = settingsFor(jamf)
    t.ok(await bed.sweep(settings, connectorOf(settings)))
    t.strictSame(idsIn(bed), upTo(62))
    t.equal(bed.all("postures").length, 62)
  },
)

t.test("rows that moved behind a page that was read are found in a second round", async (t) => {
  const { jamf, bed } = await given(t, { devices: 30 })
  let pages = 0
  jamf.disturb = (asked) => {
    if (isList(asked) && ++pages === 2) jamf.devices.unshift(...jamf.devices.splice(20, 5))
    return null
  }
  const settings = settingsFor(jamf)
  t.ok(await bed.sweep(settings, connectorOf(settings)))
  t.strictSame(idsIn(bed), upTo(30))
})

t.test(
  "a server that counts devices which it never gives is asked twice once, not each time",
  async (t) => {
    const { jamf, bed } = await given(t, { devices: 5 })
    jamf.disturb = (asked) => {
      const results = asked.url.searchParams.get("page") === "0" ? jamf.devices : []
      return isList(asked) ? { body: { totalCount: 8, results } } : null
    }
    const settings = settingsFor(jamf, { "page-size": 100 })
    t.ok(await bed.sweep(settings, connectorOf(settings)))
    const lists = () => jamf.requests.filter((request) => request.includes("page=0")).length
    t.equal(lists(), 2)
    bed.pass(13 * 3_600_000)
    t.ok(await bed.sweep(settings, connectorOf(settings)))
    t.equal(lists(), 3)
    t.equal(bed.all("devices").length, 5)
  },
)

t.test("a server whose pages are smaller than asked for is read to its end", async (t) => {
  const { jamf, bed } = await given(t, { devices: 47, largestPage: 9 })
  const settings = settingsFor(jamf, { "page-size": 50 })
  t.ok(await bed.sweep(settings, connectorOf(settings)))
  t.strictSame(idsIn(bed), upTo(47))
})

t.test("a sweep that is killed goes on at its page, though devices went meanwhile", async (t) => {
  const { jamf, bed } = await given(t, { devices: 45 })
  const settings = settingsFor(jamf)
  const reached = Promise.withResolvers<void>()
  let pages = 0
  jamf.disturb = (asked) => {
    if (!isList(asked) || ++pages <= 3) return null
    reached.resolve()
    return "silence"
  }
  const source = bed.source(settings, connectorOf(settings))
  await source.start()
  await reached.promise
  await source.stop()
  t.equal(bed.all("devices").length, 30)
  jamf.disturb = () => null
  jamf.devices.splice(0, 4)
  jamf.requests.length = 0
  t.ok(await bed.sweep(settings, connectorOf(settings)))
  t.strictSame(idsIn(bed), upTo(45))
  t.match(jamf.requests[1], /page=3/)
})

t.test("between full sweeps only new inventories are asked for, and full ones go on", async (t) => {
  const { jamf, bed } = await given(t, { devices: 30 })
  const settings = settingsFor(jamf)
  await bed.sweep(settings, connectorOf(settings))
  jamf.requests.length = 0
  bed.pass(16 * 60_000)
  t.ok(await bed.sweep(settings, connectorOf(settings)))
  t.match(jamf.requests.at(-1), /filter=lastInventoryUpdateDate>="2026-11-20T11:50:00\.000Z"/)
  bed.pass(12 * 3_600_000)
  jamf.requests.length = 0
  t.ok(await bed.sweep(settings, connectorOf(settings)))
  t.notMatch(jamf.requests.at(-1), /filter=/)
  t.equal(bed.all("devices").length, 30)
})

t.test("a garbage row is refused alone, and a garbage app with its row", async (t) => {
  const { jamf, bed } = await given(t, { devices: 12 })
  const device = jamfDevice(50)
  jamf.devices[2] = null
  jamf.devices[4] = { ...device, mobileDeviceId: { $ne: null } }
  jamf.devices[6] = { ...device, applications: [{ identifier: 4 }] }
  jamf.devices[8] = { ...device, applications: Array.from({ length: 6_000 }, () => ({})) }
  jamf.devices[10] = {
    mobileDeviceId: 99,
    deviceType: null,
    general: null,
    applications: [{ identifier: null }],
  }
  const settings = settingsFor(jamf)
  t.ok(await bed.sweep(settings, connectorOf(settings)))
  t.strictSame(idsIn(bed), [1, 2, 4, 6, 8, 10, 12, 99])
  t.match(bed.health(), {
    rejected: 4,
    rejected_because: {
      "applications.[].identifier: is not of type string": 1,
      "applications: is longer than 5000": 1,
    },
  })
  t.match(
    bed.all("devices").find(({ mdm_id }) => mdm_id === "99"),
    { platform: "unknown", serial: null },
  )
})

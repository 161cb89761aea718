/** What the pollers of all MDM systems have in common, without a server. */
import { setTimeout as sleep } from "node:timers/promises"
import t from "tap"
import { boundedJson } from "../../../src/identity/mdm/bounded-json.ts"
import { checkMdmFiles } from "../../../src/identity/mdm/check-files.ts"
import type { DeviceSaid } from "../../../src/identity/mdm/connector.ts"
import { MdmPlace, placeOf, type SweepPlace } from "../../../src/identity/mdm/place.ts"
import { recordsOf } from "../../../src/identity/mdm/records.ts"
import { rejectedOnce } from "../../../src/identity/mdm/rejections.ts"
import { retryAfterMs, waitMs } from "../../../src/identity/mdm/retry-wait.ts"
import { afterSweep, nextSweep } from "../../../src/identity/mdm/schedule.ts"
import { MdmSettings, MdmSources, mdmSecrets } from "../../../src/identity/mdm/settings.ts"
import { BearerToken } from "../../../src/identity/mdm/token.ts"

const minute = 60_000
const hour = 60 * minute
const now = Date.parse("2026-11-21T12:00:00Z")

t.test("JSON is counted before it is parsed", async (t) => {
  const json = (text: string) => boundedJson(Buffer.from(text))
  t.strictSame(json('{"a":["[[[",{"b":"\\"]"}]}'), { a: ["[[[", { b: '"]' }] })
  t.strictSame(json("\ufeff{}"), {}, "after a byte order mark")
  t.throws(() => json("[".repeat(41)), /nested deeper than 40/)
  t.throws(() => json("[".repeat(5_000_000)), /nested deeper than 40/)
  t.throws(() => json(`[${"0,".repeat(4_000_001)}0]`), /more than 4000000 values/)
  const objects = Array.from({ length: 1_100 }, (_, one) => {
    const names = Array.from({ length: 100 }, (_, place) => `"${one * 100 + place}x":0`)
    return `{${names}}`
  })
  t.throws(() => json(`[${objects}]`), /more than 100000 forms of objects/)
  t.equal((json(`[${'{"a":{"b":0}},'.repeat(60_000)}0]`) as unknown[]).length, 60_001)
  const secret = t.throws(() => json('{"secret-thing'), /is not JSON/) as Error
  t.notMatch(secret.message, /secret-thing/)
})

t.test("Retry-After is seconds, a fraction of them, or a date", async (t) => {
  const rows: [string | undefined, number | null][] = [
    [undefined, null],
    ["", null],
    ["3", 3_000],
    ["0.25", 250],
    ["Sat, 21 Nov 2026 12:00:05 GMT", 5_000],
    ["Sat, 21 Nov 2026 11:00:00 GMT", 0],
    ["soon", null],
    ["-5", null],
    ["1e9", null],
  ]
  for (const [header, expected] of rows)
    t.equal(retryAfterMs(header, now), expected, String(header))
})

t.test(
  "waits double with chance in them, and never undercut what the server asks for",
  async (t) => {
    t.strictSame(
      [1, 2, 3, 20].map((failures) => waitMs(failures, null, 0)),
      [250, 500, 1_000, 30_000],
    )
    t.equal(waitMs(1, null, 0.999), 500)
    t.ok(waitMs(1, 250, 0) >= 250)
    t.ok(waitMs(1, 250, 0.999) <= 500)
  },
)

t.test("many who need a token at once fetch one, and a failure is not kept", async (t) => {
  let fetched = 0
  let time = now
  const token = new BearerToken({
    clock: () => time,
    fetch: async () => {
      await sleep(5)
      if (++fetched === 1) throw new Error("down")
      return { value: `t${fetched}`, livesMs: minute }
    },
  })
  const { signal } = new AbortController()
  const ask = async () => (await token.headers(signal))["authorization"]
  const all = await Promise.allSettled([ask(), ask(), ask()])
  t.ok(all.every(({ status }) => status === "rejected"))
  t.equal(fetched, 1)
  t.strictSame(await Promise.all([ask(), ask()]), ["Bearer t2", "Bearer t2"])
  time += 44_000
  t.equal(await ask(), "Bearer t2", "in use while a quarter of its minute is left")
  time += 2_000
  t.equal(await ask(), "Bearer t3")
  time -= hour
  t.equal(await ask(), "Bearer t4", "a clock that was set back makes no token live longer")
  t.ok(token.refused())
  t.equal(await ask(), "Bearer t5")
})

const cadence = { "full-every": 12 * hour, "changed-every": 15 * minute }
const placed = (given: Partial<MdmPlace>) => MdmPlace.parse({ ...placeOf(null), ...given })
const under: SweepPlace = {
  of: "changed",
  began_at: now - hour,
  since: 5,
  cursor: "x",
  done: 3,
  newest: null,
}

t.test("the next sweep is the one under way, else the first that is due", async (t) => {
  const rows: [string, Partial<MdmPlace>, "full" | "changed", number][] = [
    ["nothing was read yet", {}, "full", 0],
    ["a sweep was left", { full_at: now - hour, since: 1, sweep: under }, "changed", 0],
    ["changes are due", { full_at: now - 20 * minute, since: 1 }, "changed", -5 * minute],
    [
      "changes were read",
      { full_at: now - hour, changed_at: now - minute, since: 1 },
      "changed",
      14 * minute,
    ],
    ["no device ever told its time", { full_at: now - hour }, "full", 11 * hour],
    [
      "the full one is due first",
      { full_at: now - 12 * hour, changed_at: now - hour, since: 1 },
      "full",
      0,
    ],
    ["the clock was set back", { full_at: now + hour, since: 1 }, "full", 0],
  ]
  for (const [name, place, of, at] of rows) {
    const due = nextSweep(placed(place), cadence, now)
    t.strictSame([due.sweep.of, due.at - now], [of, at], name)
  }
  const never = nextSweep(
    placed({ full_at: now, since: 1 }),
    { ...cadence, "changed-every": null },
    now,
  )
  t.equal(never.sweep.of, "full")
})

t.test(
  "changes are asked for from before the newest, never from after the sweep began",
  async (t) => {
    const sweep = { ...under, of: "full" as const }
    const since = (newest: number | null, known: number | null) =>
      afterSweep(placed({ since: known }), { ...sweep, newest }).since
    t.equal(since(now - 2 * hour, null), now - 2 * hour - 10 * minute)
    t.equal(since(now + 24 * hour, null), sweep.began_at - 10 * minute)
    t.equal(since(now - 9 * hour, now - 3 * hour), now - 3 * hour, "it never goes back")
    t.equal(since(null, 7), 7)
  },
)

t.test("a place of another version is the begin", async (t) => {
  for (const stored of [null, undefined, 5, "x", [], { sweep: { of: "half" } }])
    t.strictSame(placeOf(stored), MdmPlace.parse({}))
})

t.test("reasons of refused rows are bounded in number and length", async (t) => {
  let counts = { rejected: 0, rejected_because: {} as Record<string, number> }
  for (let one = 0; one < 100; one++) counts = rejectedOnce(counts, `${one} ${"x".repeat(1_000)}`)
  counts = rejectedOnce(counts, "__proto__")
  t.equal(counts.rejected, 101)
  t.equal(Object.keys(counts.rejected_because).length, 20)
  t.equal(counts.rejected_because["other reasons"], 82)
  t.ok(Object.keys(counts.rejected_because).every((reason) => reason.length <= 120))
})

const common = { tenant: "default", site: "hq", sensor_id: "test", v: 1 as const }
const said: DeviceSaid = {
  mdm_id: "7",
  synced_at: now - hour,
  platform: "ios",
  os_version: "18",
  model: null,
  serial: null,
  udid: null,
  imei: null,
  wifi_mac: "AABBCC001122",
  user: null,
  groups: ["b", "a", "b"],
  ownership: "company",
  postures: [],
  address: "10.0.0.5",
}
const recordsAt = (beganAt: number, one: Partial<DeviceSaid> = {}) =>
  recordsOf([{ ...said, ...one }], {
    common,
    connector: { kind: "jamf", addressHint: { forMs: minute, realm: null } },
    beganAt,
    now,
  }).records

t.test("a page that is read again gives the same records, another sweep later ids", async (t) => {
  t.strictSame(recordsAt(now), recordsAt(now))
  const [first, second] = [recordsAt(now).devices[0], recordsAt(now + 1).devices[0]]
  t.ok((first?.id ?? "") < (second?.id ?? ""))
  t.equal(recordsAt(now).bindings[0]?.id, recordsAt(now + hour).bindings[0]?.id, "a hint is one")
  t.match(first, { wifi_mac: "aa:bb:cc:00:11:22", groups: ["a", "b"] })
})

t.test(
  "what comes without a time, or from the future, is of the time of its sweep, and no hint",
  async (t) => {
    for (const synced_at of [null, now + hour]) {
      const { devices, bindings } = recordsAt(now - minute, { synced_at })
      t.equal(devices[0]?.observed_at, new Date(now - minute).toISOString())
      t.strictSame(bindings, [])
    }
  },
)

t.test(
  "addresses of servers are https, without credentials, and secrets are named by their key",
  async (t) => {
    const jamf = (more: object) =>
      MdmSettings.safeParse({
        kind: "jamf",
        name: "j",
        url: "https://x.jamfcloud.com",
        "client-id": "c",
        "client-secret": { env: "S" },
        ...more,
      })
    const refused: Record<string, object> = {
      "plain http": { url: "http://x.example" },
      "plain http, even where it is allowed": {
        url: "http://x.example",
        http: { "allow-plain-http": true },
      },
      "plain http to this machine, not allowed": { url: "http://127.0.0.1:1" },
      "credentials in the address": { url: "https://a:b@x.example" },
      "a query": { url: "https://x.example/?a=1" },
      "no address": { url: "x.example" },
      "the secret itself": { "client-secret": "s3cret" },
      "a proxy with a password": { http: { proxy: "http://u:p@proxy:3128" } },
    }
    for (const [name, more] of Object.entries(refused)) {
      const parsed = jamf(more)
      t.notOk(parsed.success, name)
      t.notMatch(JSON.stringify(parsed.error?.issues), /s3cret|u:p|a:b/)
    }
    const good = jamf({ http: { "proxy-user": { file: "f" } } })
    t.ok(good.success)
    t.strictSame(good.data && mdmSecrets(good.data).map(([key]) => key), [
      "client-secret",
      "http.proxy-user",
    ])
    t.ok(jamf({ url: "http://127.0.0.1:1", http: { "allow-plain-http": true } }).success)
  },
)

t.test("a start tries each credential and file, and says which setting is wrong", async (t) => {
  process.env["CORE_TEST_SECRET"] = "emulated-secret"
  const one = (more: object) =>
    MdmSources.parse([
      { kind: "jamf", name: "j", url: "https://x.example", "client-id": "c", ...more },
    ])
  const good = { "client-secret": { env: "CORE_TEST_SECRET" } }
  await checkMdmFiles(one(good))
  const refused: [object, RegExp][] = [
    [{ "client-secret": { env: "CORE_TEST_NONE" } }, /sources.mdm j.client-secret: .* not set/],
    [{ "client-secret": { file: "/nonexistent" } }, /j.client-secret: .*ENOENT/],
    [{ ...good, http: { ca: "/nonexistent" } }, /j.http.ca: .*ENOENT/],
    [{ ...good, http: { ca: "package.json" } }, /j.http.ca: .* holds no certificate/],
    [{ ...good, http: { "proxy-user": { env: "CORE_TEST_NONE" } } }, /j.http.proxy-user/],
  ]
  for (const [more, because] of refused) await t.rejects(checkMdmFiles(one(more)), because)
})

t.test("two systems have neither one name nor one begin of device ids", async (t) => {
  const jamf = {
    kind: "jamf",
    url: "https://x.example",
    "client-id": "c",
    "client-secret": { env: "S" },
  }
  const both = (second: object) =>
    MdmSources.safeParse([
      { ...jamf, name: "a" },
      { ...jamf, ...second },
    ])
  t.match(both({ name: "a", "device-prefix": "jamf-2" }).error?.message, /a is taken by another/)
  t.match(both({ name: "b" }).error?.message, /jamf begins the device ids of another/)
  t.ok(both({ name: "b", "device-prefix": "jamf-2" }).success)
})

/** `pinsensor doctor`: what it finds, of folders and of a real sensor. */
import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import t from "tap"
import { ageText } from "../../src/cli/doctor/age-text.ts"
import type { Diagnosis } from "../../src/cli/doctor/diagnosis.ts"
import { diagnose } from "../../src/cli/doctor.ts"
import { type ConfigInput, loadConfig } from "../../src/config.ts"
import { openStore } from "../../src/evidence/open.ts"
import { SourceHealth } from "../../src/record/source-health.ts"
import { attempt, iso, newDir, ten } from "../evidence/fixtures.ts"
import { testCa } from "../support/certificates.ts"
import { httpsOrigin } from "../support/https-origin.ts"
import { startPinsensor } from "../support/pinsensor.ts"

t.setTimeout(60_000)

const hour = 3_600_000
const of = (found: Diagnosis[], about: string) => found.filter((one) => one.about === about)

function folder(t: Parameters<typeof newDir>[0], more: Partial<ConfigInput> = {}) {
  const dir = newDir(t)
  const config = loadConfig(null, {
    data: join(dir, "var"),
    ca: { dir: join(dir, "certs") },
    ...more,
  })
  return { dir, config, look: (now = ten) => diagnose(() => config, [], now) }
}

t.test("a folder in which nothing was started is looked at and left as it is", async (t) => {
  const { dir, look } = folder(t)
  const found = await look()
  t.match(of(found, "inspection CA"), [{ state: "warn", says: /has none/, advice: /ca create/ }])
  t.match(of(found, "evidence"), [{ state: "ok", says: /none yet/ }])
  t.notOk(found.some(({ state }) => state === "fail"))
  t.notOk(existsSync(join(dir, "var")))
  t.notOk(existsSync(join(dir, "certs")))
})

t.test("a configuration that cannot be read is all that is told", async (t) => {
  const read = () => loadConfig(null, { listen: "nowhere" })
  t.match(await diagnose(read, [], ten), [
    { about: "configuration", state: "fail", says: /listen/ },
  ])
})

t.test("a CA that cannot be read fails with what to do", async (t) => {
  const { dir, look } = folder(t)
  mkdirSync(join(dir, "certs"))
  writeFileSync(join(dir, "certs", "inspection-ca.key"), "hello", { mode: 0o600 })
  t.match(of(await look(), "inspection CA"), [{ state: "fail", advice: /docs\/ca/ }])
})

t.test("ages are told as a person says them", (t) => {
  const rows: [number, string][] = [
    [388_861_093, "4d"],
    [36 * hour + 1, "36h"],
    [hour, "1h"],
    [90_500, "90s"],
    [1_700, "1700ms"],
    [0, "0ms"],
  ]
  for (const [ms, text] of rows) t.equal(ageText(ms), text)
  t.end()
})

const sources: { name: string; health: Partial<SourceHealth>; state: string; says: RegExp }[] = [
  {
    name: "read-within-the-hour",
    health: { state: "ok", last_ok_at: iso(ten - hour), taken: 7 },
    state: "ok",
    says: /last read 1h ago, 7 records/,
  },
  {
    name: "failing",
    health: { state: "failing", last_error: "401: wrong secret", taken: 7, rejected: 2 },
    state: "fail",
    says: /401: wrong secret .*2 refused/,
  },
  {
    name: "silent-for-two-days",
    health: { state: "ok", last_ok_at: iso(ten - 48 * hour) },
    state: "warn",
    says: /last read 2d ago/,
  },
  { name: "never-read", health: {}, state: "warn", says: /never read/ },
  {
    name: "in-the-middle-of-a-sweep",
    health: { state: "ok", last_ok_at: iso(ten), progress: { done: 300, of: 1_000 } },
    state: "ok",
    says: /the sweep is at 300 of 1000/,
  },
  {
    name: "in-its-first-sweep",
    health: { state: "starting", progress: { done: 300, of: null } },
    state: "ok",
    says: /the first sweep is under way.*at 300 of unknown/,
  },
]

t.test("each source that is configured is told by its health", async (t) => {
  const leases = sources.map(({ name }) => ({ name, format: "kea4" as const, file: "leases.csv" }))
  const silent = { name: "silent", format: "dnsmasq" as const, file: "leases" }
  const { config, look } = folder(t, { sources: { leases: [...leases, silent] } })
  const store = openStore(config.data)
  for (const { name, health } of [...sources, { name: "gone", health: {} }])
    store.sources.put(
      {
        name: `leases/${name}`,
        kind: "leases",
        health: SourceHealth.parse(health),
        updated_ms: ten,
      },
      undefined,
    )
  store.close()
  const found = await look()
  for (const { name, state, says } of sources)
    t.match(of(found, `source leases/${name}`), [{ state, says }], name)
  t.match(of(found, "source leases/silent"), [{ state: "warn", says: /never read/ }])
  t.strictSame(of(found, "source leases/gone"), [], "taken out of the configuration")
})

t.test("records that nobody judged, alerts given up and a wrong clock are told", async (t) => {
  const { config, look } = folder(t)
  const store = openStore(config.data, { outboxLimit: 1 })
  store.append(
    "attempts",
    Array.from({ length: 20_000 }, (_, index) => attempt(`a${index}`)),
  )
  const alert = (id: string) => ({ ...attempt(id), id }) as never
  store.append("alerts", [alert("one"), alert("two")])
  for (const id of ["one", "two"]) store.enqueue(id, "udp://soc:514", ten)
  store.close()
  const found = await look()
  t.match(of(found, "correlator"), [{ state: "warn", says: /^20000 records/ }])
  t.match(of(found, "alerts"), [
    { state: "fail", says: /udp:\/\/soc:514: 0 sent, 1 waiting, 1 given up/ },
  ])
  t.match(of(await look(ten - hour), "evidence"), [{ state: "warn", says: /1h ahead/ }])
})

t.test("a connection through a running sensor tells whether it is inspected", async (t) => {
  const publicCa = await testCa()
  const origins = { "www.load.example": "", "push.load.example": "" }
  const origin = await httpsOrigin(publicCa, Object.keys(origins))
  const sensor = await startPinsensor({
    hosts: Object.fromEntries(Object.keys(origins).map((host) => [host, ["127.0.0.1"]])),
    "allow-destination": ["127.0.0.0/8"],
    "origin-ca": publicCa.file,
    rules: [{ name: "push", when: { sni: ["push.load.example"] }, do: "splice" }],
  })
  t.teardown(() => Promise.all([sensor.remove(), origin.close(), publicCa.remove()]))
  const config = loadConfig(join(sensor.folder, "pinsensor.yaml"))
  const through = async (...targets: string[]) =>
    (await diagnose(() => config, targets, Date.now())).filter(({ about }) =>
      /^through/.test(about),
    )

  t.match(await through(`www.load.example:${origin.port}`), [
    { state: "ok", says: /^inspected, TLSv1\.3/ },
  ])
  // Its own roots are the public ones, which this origin's CA is not among.
  t.match(await through(`push.load.example:${origin.port}`), [{ state: "fail" }])
  // The sensor says so by its answer, or by an alert where its resolver is silent for long.
  t.match(await through("no-such-name.load.example"), [
    { state: "fail", says: /HTTP\/1\.1 5|^TLS failed: .*alert/ },
  ])
  const text = await sensor.verb("doctor", "--through", `www.load.example:${origin.port}`)
  t.match(text, /^ok {4}inspection CA: ec key/m)
  t.match(text, /\d ok, \d+ to look at, 0 failing\n$/)
  t.notMatch(text, readFileSync(sensor.ca, "utf8"))
})

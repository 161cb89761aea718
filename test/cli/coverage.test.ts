/** `pinsensor coverage`: what the store's counts say, and what people accept. */
import { existsSync, readdirSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import t, { type Test } from "tap"
import { CoverageWatch } from "../../src/cli/correlator/coverage-watch.ts"
import { coverageNow } from "../../src/cli/coverage/coverage-now.ts"
import { coverage } from "../../src/cli/coverage.ts"
import { loadConfig } from "../../src/config.ts"
import { openStore } from "../../src/evidence/open.ts"
import { SourceHealth } from "../../src/record/source-health.ts"
import { newDir } from "../evidence/fixtures.ts"
import { attempt, by, device, flow, posture, who } from "../support/records.ts"

const hour = 3_600_000
const iso = (ms: number) => new Date(ms).toISOString()

async function said(t: Test, dir: string, ...args: string[]): Promise<string> {
  const captured = t.capture(process.stdout, "write", () => true)
  try {
    const file = join(dir, "pinsensor.yaml")
    coverage([...args, "--data", dir, ...(existsSync(file) ? ["--config", file] : [])])
  } finally {
    captured.restore()
    process.exitCode = 0
  }
  return captured()
    .map(({ args }) => String(args[0]))
    .join("")
}

/** 30 connections of a known phone, 10 of nobody, 20 passed by an entry; a DHCP server that fell silent. */
function given(t: Test) {
  const dir = newDir(t)
  const store = openStore(dir)
  t.teardown(() => store.close())
  const leases = [{ name: "main", format: "kea4", file: "leases.csv" }]
  const file = join(dir, "pinsensor.yaml")
  writeFileSync(file, JSON.stringify({ tenant: "default", sources: { leases } }))
  const config = loadConfig(file, { data: dir })
  const now = Date.now()
  const watch = new CoverageWatch({ store, config, clock: () => now }, [])
  const when = { observed_at: iso(now - hour), tenant: "default" }
  for (let n = 0; n < 40; n++) {
    const fact = attempt("a.example", 0, "accepted", { ...when, delivered_app_bytes: 100 })
    watch.noteAttempt(by(fact, who(n < 30 ? { device_id: "phone-1" } : { device: "absent" })))
  }
  for (let n = 0; n < 20; n++) {
    const fact = flow("b.example", 0, {
      ...when,
      splice_cause: "operator",
      control: false,
      server_bytes: 900,
    })
    watch.noteFlow(by(fact, who({ device_id: "phone-1" })))
  }
  watch.noteEvent("phone-1", iso(now - hour))
  store.append("devices", [device({ ...when, device_id: "phone-1" })])
  store.append("postures", [posture({ ...when, device_id: "phone-1", managed: true })])
  const health = SourceHealth.parse({ last_ok_at: iso(now - 48 * hour) })
  store.sources.put({ name: "leases/main", kind: "leases", health, updated_ms: now }, undefined)
  return { dir, store, watch, now, config }
}

t.test("gaps are told with what they mean, the open ones first", async (t) => {
  const { dir, store, watch } = given(t)
  store.transaction(() => watch.store())()
  const text = await said(t, dir)
  t.match(text, /^GAP {2}stale-source \(leases\/main\)/m)
  t.match(text, /^GAP {2}not-inspected \(operator\): \d+ % .*\n.*\n +-> pinsensor bypass list/m)
  t.match(text, /^ok {3}unbound: 17 % \(10 of 60\) connections come from addresses/m)
  t.match(text, /^few {2}unseen: 0 % \(0 of 1\).*; too few to judge by$/m)
  t.match(
    text,
    /^2 open, 0 accepted, \d+ within their thresholds, \d+ with too little to judge by/m,
  )
  t.match(text, /^never seen: pins that an app checks only on an answer/m)
  const gaps = JSON.parse(await said(t, dir, "--json"))
  t.match(gaps[0], { open: true, accepted: null })
})

t.test("what was counted and not committed is counted once, when it comes again", async (t) => {
  const { dir, store, watch } = given(t)
  watch.rollBack()
  t.match(await said(t, dir), /unbound: 0 % \(0 of 0\)/)
  const when = { observed_at: iso(Date.now() - hour), tenant: "default" }
  const fact = attempt("a.example", 0, "accepted", when)
  watch.noteAttempt(by(fact))
  store.transaction(() => watch.store())()
  store.transaction(() => watch.store())()
  t.match(await said(t, dir), /unbound: 0 % \(0 of 1\)/)
})

t.test("a gap is accepted by a person, with what stands in for it, until a date", async (t) => {
  const { dir, store, watch } = given(t)
  store.transaction(() => watch.store())()
  const flags = ["--owner", "ops", "--reason", "the MDM moves house", "--control", "weekly export"]
  t.match(
    await said(t, dir, "accept", "stale-source:leases/main", ...flags, "--review", "30d"),
    /^stale-source:leases\/main is accepted until 20/,
  )
  t.match(
    await said(t, dir),
    /^acc {2}stale-source \(leases\/main\).*ops accepted it until .*: weekly export$/m,
  )
  t.match(
    [...store.all("coverage-acceptances")],
    [{ gap: "stale-source", part: "leases/main", who: /@/, withdrawn: false }],
  )
  await said(t, dir, "withdraw", "stale-source:leases/main", "--reason", "it is done")
  t.match(await said(t, dir), /^GAP {2}stale-source/m)
  const refused: [RegExp, ...string[]][] = [
    [/is no gap; one of unbound/, "accept", "quick", ...flags, "--review", "30d"],
    [/name one gap/, "accept", ...flags, "--review", "30d"],
    [/--control/, "accept", "quic", "--owner", "ops", "--reason", "why", "--review", "30d"],
    [/until when/, "accept", "quic", ...flags],
    [/at most 366d/, "accept", "quic", ...flags, "--review", "400d"],
    [/quic has no parts; leave out ":udp"/, "accept", "quic:udp", ...flags, "--review", "30d"],
    [/one of android, ios/, "accept", "no-telemetry:iOS", ...flags, "--review", "30d"],
    [/one of leases\/main/, "accept", "stale-source:mdm", ...flags, "--review", "30d"],
    [/ech is not accepted/, "withdraw", "ech", "--reason", "a slip"],
  ]
  for (const [says, ...args] of refused) await t.rejects(said(t, dir, ...args), says)
})

t.test("a gap past its threshold is a finding of the hour, told once until it moves", async (t) => {
  const { store, watch, now } = given(t)
  store.transaction(() => watch.store())()
  t.strictSame(watch.findings(now), [], "not before an hour is over")
  const first = watch.findings(now + hour)
  t.match(
    first.map(({ key, state }) => [key.device_id, state]),
    [
      ["coverage:stale-source:leases/main", "open"],
      ["coverage:not-inspected:operator", "open"],
    ],
  )
  watch.stored(first)
  t.strictSame(watch.findings(now + 2 * hour), [], "nothing moved")
  const health = SourceHealth.parse({ last_ok_at: iso(now + 3 * hour) })
  store.sources.put({ name: "leases/main", kind: "leases", health, updated_ms: now }, undefined)
  t.match(watch.findings(now + 3 * hour), [
    { key: { device_id: "coverage:stale-source:leases/main" }, state: "closed" },
  ])
})

t.test(
  "what was accepted as a whole is not taken back in part, as if that changed anything",
  async (t) => {
    const { dir } = given(t)
    const flags = ["--owner", "ops", "--reason", "kiosks", "--control", "none there"]
    await said(t, dir, "accept", "no-telemetry", ...flags, "--review", "30d")
    await t.rejects(
      said(t, dir, "withdraw", "no-telemetry:ios", "--reason", "agents are there"),
      /accepted with the whole gap: withdraw no-telemetry/,
    )
  },
)

t.test("where no evidence is, nothing is accepted and no store is made", async (t) => {
  const dir = newDir(t)
  const flags = ["--owner", "ops", "--reason", "why", "--control", "what", "--review", "30d"]
  await t.rejects(said(t, dir, "accept", "quic", ...flags), /give the sensor's directory/)
  t.strictSame(readdirSync(dir), [])
})

t.test("connections of another tenant are not counted as this one's", async (t) => {
  const { dir, store, watch, now } = given(t)
  const when = { observed_at: iso(now - hour), tenant: "other" }
  watch.noteAttempt(by(attempt("a.example", 0, "accepted", when), who({ device: "absent" })))
  store.transaction(() => watch.store())()
  t.match(await said(t, dir), /unbound: 17 % \(10 of 60\)/)
})

t.test("an agent whose clock is years ahead does not count as alive for years", async (t) => {
  const { store, watch, now } = given(t)
  watch.noteEvent("phone-2", iso(now + 10_000 * hour))
  store.transaction(() => watch.store())()
  t.match(
    store.coverage.activity("default").find(({ device_id }) => device_id === "phone-2"),
    { event_ms: now },
  )
})

t.test("a large fleet is looked at a step at a time, and told as if it were at once", async (t) => {
  const { store, watch, now, config } = given(t)
  store.transaction(() => watch.store())()
  const when = { observed_at: iso(now - hour), tenant: "default" }
  const ids = Array.from({ length: 260 }, (_, n) => `phone-a${n}`)
  store.append(
    "devices",
    ids.map((id) => device({ ...when, id: `d-${id}`, device_id: id })),
  )
  store.append(
    "postures",
    ids.map((id) => posture({ ...when, id: `p-${id}`, device_id: id, managed: true })),
  )
  t.strictSame(watch.findings(now + hour), [], "there is more of it")
  const told = watch.findings(now + hour + 1_000).map(({ key }) => key.device_id)
  const open = coverageNow(store, config, now + hour).filter((gap) => gap.open)
  t.match(open, [{}, {}, {}], "unseen is among them")
  t.strictSame(
    told,
    open.map(({ gap, part }) => `coverage:${part === null ? gap : `${gap}:${part}`}`),
  )
})

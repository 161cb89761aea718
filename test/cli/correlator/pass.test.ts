import t from "tap"
import { Correlator } from "../../../src/cli/correlator/pass.ts"
import { type ConfigInput, loadConfig } from "../../../src/config.ts"
import { openStore } from "../../../src/evidence/open.ts"
import type { Store } from "../../../src/evidence/store.ts"
import type { Attempt } from "../../../src/record/attempt.ts"
import { newDir } from "../../evidence/fixtures.ts"
import { type PinnedDevice, pinnedDevice } from "../../support/pinned-device.ts"
import { attempt, ca2, dayStart, device } from "../../support/records.ts"

const whose = { tenant: "acme", site: "hq" }
const now = dayStart + 12 * 3_600_000
const minute = 60_000

interface Event {
  event: string
  [field: string]: unknown
}

/** A store, correlators over it as a restart makes them, and what they logged. */
function world(t: { teardown(fn: () => void): void }, more: Partial<ConfigInput> = {}) {
  const dir = newDir(t)
  const store = openStore(dir)
  t.teardown(() => store.close())
  const config = loadConfig(null, { ...whose, data: dir, ...more })
  const events: Event[] = []
  let time = now
  const correlator = (own: Store = store) =>
    new Correlator({
      store: own,
      config,
      clock: () => time,
      log: (_, event, fields) => events.push({ event, ...fields }),
    })
  const pinned = (name: string, octet: number) =>
    pinnedDevice(name, `10.9.0.${octet}`, now - minute, whose)
  const later = (ms: number) => {
    time += ms
  }
  return { dir, store, correlator, pinned, events, later }
}

function give(store: Store, given: Partial<PinnedDevice>) {
  store.append("devices", given.devices ?? [])
  store.append("postures", given.postures ?? [])
  store.append("apps", given.apps ?? [])
  store.append("bindings", given.bindings ?? [])
  store.append("attempts", given.attempts ?? [])
  store.append("flows", given.flows ?? [])
}

function settled(correlator: Correlator): Correlator {
  while (correlator.pass());
  return correlator
}

const alertsOf = (store: Store) =>
  [...store.all("alerts")].map(({ news, app_id }) => [news, app_id])
const named = (events: Event[], name: string) => events.filter(({ event }) => event === name)

t.test("what is judged twice gives no second alert, by the same correlator or the next", (t) => {
  const { store, correlator, pinned } = world(t)
  give(store, pinned("bank", 1))
  const first = settled(correlator())
  const alerts = alertsOf(store)
  t.strictSame(alerts, [["opened", "com.example.bank"]])
  t.notOk(first.pass(), "nothing is left to do")
  settled(correlator())
  // As if the cursors had never been saved.
  for (const kind of ["attempts", "flows"]) store.saveCursor(`correlator/${kind}`, 0)
  settled(correlator())
  t.strictSame(alertsOf(store), alerts)
  t.strictSame(store.outboxDepth(), [{ sink: "log", pending: 1, sent: 0, dead: 0 }])
  t.end()
})

t.test("an alert has the binding that was believed, and those that were not", (t) => {
  const { store, correlator, pinned } = world(t)
  const given = pinned("bank", 1)
  const [believed] = given.bindings
  if (!believed) throw new Error("no binding")
  const hint = { ...believed, id: "hint", device_id: "phone-other", confidence: 0.3 }
  give(store, { ...given, bindings: [hint, ...given.bindings] })
  settled(correlator())
  t.match(
    [...store.all("alerts")],
    [{ device_id: "phone-bank", binding: { binding_id: believed.id, losers: ["hint"] } }],
  )
  t.end()
})

t.test("a correlator killed between two commits loses no device", (t) => {
  const { store, correlator, pinned } = world(t)
  const names = Array.from({ length: 60 }, (_, index) => `app${index}`)
  for (const [index, name] of names.entries()) give(store, pinned(name, index + 1))
  const killed = correlator()
  killed.pass()
  killed.pass()
  t.equal(store.cursor("correlator/attempts"), 0, "the cursor waits for the last device")
  const before = alertsOf(store).length
  t.ok(before > 0 && before < names.length, `${before} alerts before the kill`)
  settled(correlator())
  t.strictSame(
    alertsOf(store).sort(),
    names.map((name) => ["opened", `com.example.${name}`]).sort(),
  )
  t.end()
})

t.test("a proxy user with one device is as good as a binding, if logins bind", (t) => {
  for (const bind of [true, false]) {
    const { store, correlator, pinned, events } = world(t, {
      "proxy-users": { file: "users", bind },
    })
    const { bindings, ...rest } = pinned("bank", 1)
    const logged = <Fact extends object>(fact: Fact) => ({ ...fact, proxy_user: "ann" })
    give(store, {
      ...rest,
      devices: rest.devices.map((one) => ({ ...one, user: "Ann" })),
      attempts: rest.attempts.map(logged),
      flows: rest.flows.map(logged),
    })
    settled(correlator())
    t.strictSame(alertsOf(store), bind ? [["opened", "com.example.bank"]] : [])
    const stored = [...store.all("bindings")]
    t.equal(stored.length > 0, bind)
    t.ok(
      stored.every(({ source, device_id }) => `${source} ${device_id}` === "proxy-user phone-bank"),
    )
    // As if the cursors had never been saved: the same records again are no new ones.
    for (const kind of ["attempts", "flows"]) store.saveCursor(`correlator/${kind}`, 0)
    settled(correlator())
    t.equal([...store.all("bindings")].length, stored.length)
    t.strictSame(named(events, "correlator-failing"), [])
  }
  t.end()
})

const poisons = [
  { name: "that breaks the join", over: { sni: 7 }, event: "record-unusable" },
  { name: "that breaks the analytic", over: { phases: null }, event: "judgement-failed" },
]
for (const { name, over, event } of poisons)
  t.test(`one record ${name} does not stop the judgement of others`, (t) => {
    const { store, correlator, pinned, events } = world(t)
    const poisoned = { ...attempt("x.example", 11 * 3_600_000, "refused-alert", whose), ...over }
    store.append("attempts", [poisoned as unknown as Attempt])
    give(store, pinned("bank", 1))
    settled(correlator())
    t.strictSame(alertsOf(store), [["opened", "com.example.bank"]])
    t.equal(named(events, event).length, 1, "it is told once")
    give(store, pinned("shop", 2))
    settled(correlator())
    t.equal(alertsOf(store).length, 2, "nor after the next start")
    t.end()
  })

t.test("a store that is locked loses nothing: the pass is done again", (t) => {
  const { dir, store, pinned, correlator } = world(t)
  const impatient = openStore(dir, { busyTimeoutMs: 20 })
  const one = correlator(impatient)
  give(store, pinned("bank", 1))
  store.transaction(() => {
    t.throws(() => settled(one), /locked/)
  })
  t.strictSame(alertsOf(store), [])
  settled(one)
  t.strictSame(alertsOf(store), [["opened", "com.example.bank"]])
  impatient.close()
  t.end()
})

const lateKinds = ["bindings", "devices", "postures", "apps"] as const
for (const kind of lateKinds)
  t.test(`${kind} that come late are taken into what was judged without them`, (t) => {
    const { store, correlator, pinned } = world(t)
    const all = pinned("bank", 1)
    give(store, { ...all, [kind]: [] })
    const one = settled(correlator())
    t.strictSame(alertsOf(store), [], "too little is known")
    give(store, { [kind]: all[kind] })
    settled(one)
    t.strictSame(alertsOf(store), [["opened", "com.example.bank"]])
    t.end()
  })

const places = ["www.one.example", "www.two.example", "www.three.example"]

/** An app on three devices visits each of the places once. */
function fleet(
  name: string,
  outcome: Attempt["outcome"],
  over: Partial<Attempt>,
  visited: readonly string[] = places,
) {
  return Array.from({ length: 3 }, (_, index) =>
    visited.map((sni, place) =>
      attempt(sni, Date.parse(over.observed_at ?? "") - dayStart, outcome, {
        ...whose,
        ...over,
        connect_user_agent: "Fleet/1.0",
        id: `${name}-${index}-${place}`,
        client_ip: `10.9.1.${index}`,
      }),
    ),
  ).flat()
}
const iso = (ms: number) => new Date(ms).toISOString()

t.test("a fault of the sensor pages the operator once, accuses nobody and arms no trial", (t) => {
  const { store, correlator, pinned, events, later } = world(t)
  give(store, pinned("bank", 200))
  for (let index = 0; index < 3; index++) {
    const of = pinned(`phone${index}`, index)
    give(store, {
      devices: of.devices,
      bindings: of.bindings.map((binding) => ({ ...binding, address: `10.9.1.${index}` })),
    })
  }
  const calm = fleet("calm", "accepted", { observed_at: iso(now - 9 * minute) })
  store.append("attempts", calm)
  settled(correlator())
  t.strictSame(alertsOf(store), [["opened", "com.example.bank"]], "before, somebody was pinned")

  // The sensor starts again with another CA, which most do not trust. Were it not for that, the app
  // that accepts it at two places would be suspected at three others, and tried.
  const one = correlator()
  const trusted = ["www.news.example", "cdn.maps.example"]
  const some = { issuing_ca: ca2, observed_at: iso(now - 9 * minute) }
  store.append("attempts", fleet("trusting", "accepted", some, trusted))
  for (const round of [1, 2, 3, 4]) {
    later(minute)
    store.append(
      "attempts",
      fleet(`refusing-${round}`, "refused-alert", {
        issuing_ca: ca2,
        observed_at: iso(now - 9 * minute + round * minute),
      }),
    )
    settled(one)
  }
  const paged = [...store.all("alerts")].filter(({ analytic }) => analytic === "sensor-fault")
  t.strictSame(
    paged.map(({ news, confidence }) => [news, confidence]),
    [["opened", "high"]],
    "one alert",
  )
  t.strictSame([...store.all("register")], [], "no trial is armed")
  const accused = [...store.all("findings")].filter(({ analytic }) => analytic !== "sensor-fault")
  t.strictSame(
    accused.map(({ key, state }) => [key.app_id, state]),
    [["com.example.bank", "open"]],
    "nobody is accused, and what was found before stands",
  )
  t.equal(named(events, "sensor-fault").length, 1)

  const next = settled(correlator())
  later(minute)
  next.pass()
  t.equal(alertsOf(store).length, 2, "a restart pages nobody again")

  // The devices are given the new CA.
  store.append("attempts", fleet("mended", "accepted", { issuing_ca: ca2, observed_at: iso(now) }))
  later(minute)
  settled(next)
  later(minute)
  settled(next)
  t.equal(named(events, "sensor-fault-over").length, 1)
  t.strictSame(
    [...store.all("alerts")].map(({ analytic, news }) => `${analytic} ${news}`),
    ["AN1725 opened", "sensor-fault opened", "sensor-fault closed"],
  )
  t.end()
})

t.test("it counts what it remembers, what it did, and what is still to be judged", (t) => {
  const { store, correlator, pinned } = world(t)
  const one = settled(correlator())
  t.match(one.counts, { devices: 0, suspects: 0, findings: 0, judged: 0, behind: 0 })
  const bank = pinned("bank", 1)
  give(store, bank)
  const facts = bank.attempts.length + bank.flows.length
  t.equal(one.counts.behind, facts)
  settled(one)
  t.match(one.counts, { devices: 1, suspects: 1, waiting: 0, findings: 1, judged: 1, behind: 0 })
  t.ok(one.counts.fleet_keys > 0 && one.counts.fault_pairs > 0)
  t.end()
})

t.test("a newer statement on a device is in force at once", (t) => {
  const { store, correlator, pinned } = world(t)
  const bank = pinned("bank", 1)
  give(store, bank)
  const one = settled(correlator())
  const iphone = device({
    ...whose,
    id: "device-bank-1",
    observed_at: iso(now),
    device_id: "phone-bank",
    platform: "ios",
  })
  store.append("devices", [iphone])
  settled(one)
  const open = [...store.all("findings")].filter(({ state }) => state !== "closed")
  t.strictSame(
    open.map(({ analytic }) => analytic),
    ["AN1726"],
  )
  t.end()
})

/** The baseline through the real correlator: learned, corrected, the same after a restart and in replay. */
import t, { type Test } from "tap"
import { BaselineMemory } from "../../../src/cli/correlator/baseline-memory.ts"
import { Correlator } from "../../../src/cli/correlator/pass.ts"
import { replay } from "../../../src/cli/replay/replay.ts"
import { loadConfig } from "../../../src/config.ts"
import { openStore } from "../../../src/evidence/open.ts"
import type { Store } from "../../../src/evidence/store.ts"
import type { BaselineAct } from "../../../src/record/baseline-change.ts"
import { PairProfile } from "../../../src/record/pair-profile.ts"
import { newDir } from "../../evidence/fixtures.ts"
import {
  appEvent,
  attempt,
  bank,
  by,
  dayStart,
  device,
  HOUR,
  who,
  zeekFlow,
} from "../../support/records.ts"

const whose = { tenant: "acme", site: "hq" }
const config = loadConfig(null, { ...whose, control: { mode: "off" } })
const target = "api.bank.example"
const silent = () => {}
const day = 24 * HOUR

/** A store, and correlators over it as a restart makes them. */
function world(t: Test) {
  const store = openStore(newDir(t))
  t.teardown(() => store.close())
  let time = dayStart + 2 * day + 12 * HOUR
  const correlator = () => new Correlator({ store, config, clock: () => time, log: silent })
  const settle = (of: Correlator) => {
    time += 1_000
    while (of.pass());
  }
  return { store, correlator, settle }
}

function phones(store: Store, count: number) {
  for (let nth = 1; nth <= count; nth += 1) {
    const common = { ...whose, observed_at: new Date(dayStart - HOUR).toISOString() }
    const device_id = `p${nth}`
    store.append("devices", [device({ ...common, id: `device-${device_id}`, device_id })])
    store.append("bindings", [
      {
        ...common,
        sensor_id: "vpn",
        v: 1,
        id: `binding-${device_id}`,
        realm: null,
        address: `10.9.0.${nth}`,
        valid_from: common.observed_at,
        valid_to: null,
        device_id,
        source: "vpn",
        confidence: 0.9,
        shared: false,
        names: null,
        flags: [],
      },
    ])
  }
}

/** Each phone's app uses the destination around us in three hours of a day; mobile EDR names the app. */
function useAround(store: Store, count: number, onDay: number) {
  for (let nth = 1; nth <= count; nth += 1)
    for (const hour of [8, 9, 10]) {
      const ms = onDay * day + hour * HOUR + nth * 20_000
      const id = `${nth}-${onDay}-${hour}`
      const from = { ...whose, client_ip: `10.9.0.${nth}`, client_port: 40_000 + nth }
      const flow = zeekFlow(target, ms, { ...from, id: `flow-${id}` })
      const names = appEvent(0).device
      store.append("app-events", [
        appEvent(ms, {
          ...whose,
          id: `event-${id}`,
          event_id: id,
          type: "network_connect",
          device: { ...names, device_id: `p${nth}` },
          app: { id: bank, version: "7.1", signer_sha256: null },
          dest: {
            host: target,
            ip: flow.destination_ip,
            port: flow.destination_port,
            src_port: from.client_port,
          },
        }),
      ])
      store.append("flows", [flow])
    }
}

function say(store: Store, what: BaselineAct, minute: number) {
  store.append("baseline-changes", [
    {
      ...whose,
      sensor_id: "desk",
      v: 1,
      id: `bl-${what}-${minute}`,
      observed_at: new Date(dayStart + 3 * day + minute * 60_000).toISOString(),
      what,
      app_id: bank,
      destination: target,
      owner: "netops",
      reason: "seen at another customer",
      who: "anna@desk",
      expires_at: null,
    },
  ])
}

/** Devices whose opaque sessions stand. */
const opaque = (store: Store) =>
  [...store.all("findings")]
    .filter(({ verdict, state }) => verdict === "opaque-persistent" && state === "open")
    .map(({ key }) => key.device_id)
    .sort()

function replayed(store: Store): string[] {
  const [lane] = replay({ store, configs: [{ config, fromPhases: false }], log: silent }).lanes
  return (lane?.findings ?? [])
    .filter(({ verdict, state }) => verdict === "opaque-persistent" && state === "open")
    .map(({ key }) => key.device_id)
    .sort()
}

const six = ["p1", "p2", "p3", "p4", "p5", "p6"]

t.test("what a fleet uses for days becomes baseline, in whatever order it is told", async (t) => {
  for (const order of [
    [0, 1, 2],
    [2, 0, 1],
  ]) {
    const { store, correlator, settle } = world(t)
    phones(store, 6)
    let one = correlator()
    for (const [nth, onDay] of order.entries()) {
      useAround(store, 6, onDay)
      settle(one)
      if (nth < 2) t.strictSame(opaque(store), six, "two days are not enough")
      one = correlator()
    }
    settle(one)
    t.strictSame(opaque(store), [], `in the order ${order.join(", ")}`)
    t.strictSame(replayed(store), [], "and in replay")
    const profile = PairProfile.parse(store.pairProfile("acme", bank, target))
    t.strictSame(
      profile.days.map(({ connections }) => connections),
      [18, 18, 18],
      "a restart counts nothing twice",
    )
  }
})

t.test("what few devices do, however steadily, does not", async (t) => {
  const { store, correlator, settle } = world(t)
  phones(store, 5)
  for (const onDay of [0, 1, 2]) useAround(store, 5, onDay)
  settle(correlator())
  t.strictSame(opaque(store), six.slice(0, 5), "each has only four others beside it")
  t.strictSame(replayed(store), opaque(store))
})

t.test("a person's word is judged by at once, by this correlator and the next", async (t) => {
  const { store, correlator, settle } = world(t)
  phones(store, 6)
  for (const onDay of [0, 1, 2]) useAround(store, 6, onDay)
  const first = correlator()
  settle(first)
  t.strictSame(opaque(store), [])
  say(store, "removed", 1)
  settle(first)
  t.strictSame(opaque(store), six)
  t.strictSame(replayed(store), six)
  say(store, "withdrawn", 2)
  settle(correlator())
  t.strictSame(replayed(store), [])
  t.strictSame(opaque(store), [])
})

t.test("statements are kept as they were made", async (t) => {
  const { store } = world(t)
  say(store, "added", 1)
  const [change] = store.all("baseline-changes")
  t.equal(change?.what, "added")
  if (!change) return
  const count = store.append("baseline-changes", [{ ...change, reason: "another" }])
  t.equal(count.conflicts, 1)
  t.equal(store.get("baseline-changes", change.id)?.reason, "seen at another customer")
})

t.test("what was noted and not committed comes again and counts once", async (t) => {
  const { store } = world(t)
  const memory = new BaselineMemory({ config, store })
  const note = (nth: number) =>
    memory.noteAttempt(by(attempt(target, nth * HOUR, "accepted", whose), who({ device_id: "p1" })))
  note(1)
  store.transaction(() => memory.store(0))()
  note(2)
  memory.rollBack()
  note(2)
  store.transaction(() => memory.store(120_000))()
  const profile = PairProfile.parse(store.pairProfile("acme", bank, target))
  t.equal(profile.days[0]?.connections, 2)
})

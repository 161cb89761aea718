import fc from "fast-check"
import t, { type Test } from "tap"
import { Correlator } from "../../../src/cli/correlator/pass.ts"
import { replay } from "../../../src/cli/replay/replay.ts"
import { type Config, loadConfig } from "../../../src/config.ts"
import { openStore } from "../../../src/evidence/open.ts"
import type { Store } from "../../../src/evidence/store.ts"
import type { Finding } from "../../../src/record/finding.ts"
import { RegisterEntry } from "../../../src/record/register-entry.ts"
import { newDir } from "../../evidence/fixtures.ts"
import { pinnedDevice } from "../../support/pinned-device.ts"
import { attempt, dayStart, device, flow, HOUR } from "../../support/records.ts"
import { type Arrival, arrival, binding, fleetDay, mixedDay, whose } from "./mixed-world.ts"

const config = loadConfig(null, { ...whose, control: { mode: "off" } })
/** How rare a stack is in the fleet depends on when bindings came: docs/replay.md says how. */
const noRareStacks = loadConfig(null, {
  ...whose,
  control: { mode: "off" },
  analytics: { "rare-stack-devices": 1 },
})
const silent = () => {}

/** What a live correlator stores when the facts come in these batches, each judged to the end. */
function live(
  store: Store,
  batches: readonly (readonly Arrival[])[],
  over: Config = config,
): Finding[] {
  let time = dayStart + 30 * HOUR
  const correlator = new Correlator({ store, config: over, clock: () => time, log: silent })
  for (const batch of batches) {
    for (const { kind, record } of batch) store.append(kind, [record as never])
    time += 1_000
    while (correlator.pass());
  }
  return [...store.all("findings")].sort((a, b) => (a.id < b.id ? -1 : 1))
}

function replayed(store: Store, over: Config = config, span?: number): Finding[] {
  const configs = [{ config: over, fromPhases: false }]
  const [lane] = replay({ store, configs, log: silent, span }).lanes
  return (lane?.findings ?? []).sort((a, b) => (a.id < b.id ? -1 : 1))
}

const standing = (findings: readonly Finding[]) =>
  findings.filter(({ state }) => state !== "closed")
const inEventOrder = (arrivals: readonly Arrival[]) =>
  [...arrivals].sort((a, b) => (a.record.observed_at < b.record.observed_at ? -1 : 1))

function newStore(t: Test): Store {
  const store = openStore(newDir(t))
  t.teardown(() => store.close())
  return store
}

/** The right order, any other order, and replay: one and the same. */
function sameInAnyOrder(t: Test, known: readonly Arrival[], told: Arrival[], under: Config) {
  const right = newStore(t)
  const inOrder = standing(live(right, [known, inEventOrder(told)], under))
  t.strictSame(standing(replayed(right, under)), inOrder, "replay of the right order")
  const shuffled = fc.shuffledSubarray(told, { minLength: told.length })
  const cuts = fc.array(fc.integer({ min: 1, max: told.length - 1 }), { maxLength: 3 })
  fc.assert(
    fc.property(shuffled, cuts, (arrivals, at) => {
      const store = newStore(t)
      const stored = live(store, [known, ...inBatches(arrivals, at)], under)
      t.strictSame(standing(stored), inOrder)
      t.strictSame(standing(replayed(store, under)), inOrder)
      return t.passing()
    }),
    { numRuns: 8, seed: 7 },
  )
  return inOrder
}

const isFact = ({ kind }: Arrival) => kind === "attempts" || kind === "flows"

t.test("all that is told in any order gives the findings of the right order and of replay", (t) => {
  const found = sameInAnyOrder(t, [], mixedDay(), noRareStacks)
  t.strictSame(
    [...new Set(found.map(({ analytic }) => analytic))].sort(),
    ["AN1725", "AN1726", "ca-missing", "pin-effect"],
    "the day has something for every analytic",
  )
  t.end()
})

t.test("what the fleet shows counts by its time, not by its arrival", (t) => {
  const day = [...mixedDay(), ...fleetDay()]
  const known = day.filter((one) => !isFact(one))
  const found = sameInAnyOrder(t, known, day.filter(isFact), config)
  const verdictOf = (device: string) =>
    found.find(({ key }) => `${key.device_id} ${key.destination}` === `${device} api.shop.example`)
      ?.verdict
  t.equal(verdictOf("shop-1"), "suspected", "nobody had accepted the place before")
  t.not(verdictOf("shop-3"), "suspected", "another phone had")
  const isShop2 = ({ record }: Arrival) => record.id.startsWith("shop-2")
  const last = [day.filter((one) => !isShop2(one)), day.filter(isShop2)]
  t.strictSame(standing(live(newStore(t), last)), found, "it is judged again when that is learned")
  t.end()
})

t.test("what is over by the end is closed as it was last found, whatever the step", (t) => {
  const start = dayStart - 4 * 24 * HOUR
  const days = [0, 2].map((day) => pinnedDevice("bank", "10.9.0.1", start + day * 24 * HOUR, whose))
  const [first, later] = days.map(({ attempts, flows }, day) => [
    ...attempts
      .filter(({ outcome }) => day === 0 || outcome === "accepted")
      .map((one) => arrival("attempts", { ...one, id: `${one.id}-${day}` })),
    ...(day === 0 ? flows.map((one) => arrival("flows", one)) : []),
  ])
  // The binding of the pinned phone began an hour before its first day's end, and has not ended.
  const known = [
    ...(days[0]?.devices ?? []).map((one) => arrival("devices", one)),
    ...(days[0]?.postures ?? []).map((one) => arrival("postures", one)),
    ...(days[0]?.apps ?? []).map((one) => arrival("apps", one)),
    ...(days[0]?.bindings ?? []).map((one) => arrival("bindings", one)),
  ]
  const store = newStore(t)
  const found = live(store, [known, first ?? [], later ?? []])
  t.ok(found.length > 0)
  t.ok(found.every(({ state }) => state === "closed"))
  for (const span of [HOUR, 6 * HOUR, 24 * HOUR]) t.strictSame(replayed(store, config, span), found)
  t.end()
})

t.test("who has an address next does not close what was found of who had it before", (t) => {
  const store = newStore(t)
  const lease = (day: number) => 24 * HOUR * day
  const known = ["early", "late"].map((name) =>
    arrival("devices", device({ ...whose, id: `d-${name}`, device_id: name })),
  )
  const refused = (name: string, from: number) =>
    [1, 2, 3].map((nth) =>
      arrival(
        "attempts",
        attempt("api.game.example", from + nth * 600_000, "refused-alert", {
          ...whose,
          client_ip: "10.9.0.5",
          id: `${name}-no-${nth}`,
        }),
      ),
    )
  const bound = (name: string, from: number) =>
    arrival("bindings", binding(name, "10.9.0.5", from, from + 2 * HOUR))
  const found = live(store, [
    [...known, bound("early", 0), bound("late", lease(2)), ...refused("early", 0)],
    refused("late", lease(2)),
    [bound("late", lease(2) + 2 * HOUR)],
  ])
  t.strictSame(
    found.map(({ state }) => state),
    ["open", "open"],
  )
  t.strictSame(replayed(store), found)
  t.end()
})

t.test("a key that a bypass held was held, and is judged so though the bypass is gone", (t) => {
  const store = newStore(t)
  const given = pinnedDevice("bank", "10.9.0.1", dayStart + 9 * HOUR, whose)
  for (const kind of ["devices", "postures", "apps", "bindings", "attempts", "flows"] as const)
    store.append(kind, given[kind] as never[])
  const entry: RegisterEntry = RegisterEntry.parse({
    ...whose,
    sensor_id: "s1",
    v: 1,
    id: "operator-1",
    observed_at: new Date(dayStart + 9 * HOUR).toISOString(),
    created_at: new Date(dayStart + 9 * HOUR).toISOString(),
    kind: "operator",
    scope: { sni: "api.bank.example" },
    owner: "ann",
    reason: "pinned",
    evidence_ids: ["attempt-bank-2"],
  })
  store.putRegister([entry], "ann@host", dayStart + 9 * HOUR)
  store.append("flows", [
    flow("api.bank.example", 10 * HOUR, {
      ...whose,
      client_ip: "10.9.0.1",
      connect_user_agent: "bank/1.0",
      splice_cause: "operator",
      control: false,
      register_entry: "operator-1",
    }),
  ])
  const held = replayed(store)
  t.strictSame([...new Set(held.map(({ state }) => state))], ["held"])
  store.removeRegister("operator-1", "ann@host", "no longer used", dayStart + 20 * HOUR)
  t.strictSame(replayed(store), held)
  t.end()
})

function inBatches(arrivals: readonly Arrival[], at: readonly number[]): Arrival[][] {
  const cuts = [0, ...at.toSorted((a, b) => a - b), arrivals.length]
  return cuts.slice(1).map((cut, index) => arrivals.slice(cuts[index], cut))
}

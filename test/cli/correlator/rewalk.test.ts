import t, { type Test } from "tap"
import { FleetMemory } from "../../../src/analytics/fleet-memory.ts"
import { BaselineMemory } from "../../../src/cli/correlator/baseline-memory.ts"
import { JudgedMemory } from "../../../src/cli/correlator/judged-memory.ts"
import { LabelMemory } from "../../../src/cli/correlator/label-memory.ts"
import { RegisterMemory } from "../../../src/cli/correlator/register-memory.ts"
import { Rewalk } from "../../../src/cli/correlator/rewalk.ts"
import { Suspects } from "../../../src/cli/correlator/suspects.ts"
import { Unusable } from "../../../src/cli/correlator/unusable.ts"
import { inventory } from "../../../src/identity/inventory.ts"
import { joinSettings } from "../../../src/identity/settings.ts"
import { attempt, dayStart, HOUR, MINUTE } from "../../support/records.ts"
import { ControlledWorld, whose } from "./controlled-world.ts"

const day = 24 * HOUR

/** A walker over a store, at a clock that moves on with each time it is asked. */
class Walker {
  readonly world: ControlledWorld
  readonly suspects = new Suspects()
  readonly told: string[] = []
  now = dayStart + 10 * day
  /** Milliseconds that pass with each look at the clock. */
  pace = 0

  constructor(t: Test) {
    this.world = new ControlledWorld(t)
  }

  open(most?: number): Rewalk {
    const { store, config } = this.world
    const { tenant } = config
    const none = { tenant, bindings: [], devices: [], postures: [], apps: [] }
    const memory = new JudgedMemory(store)
    const log = (_: string, event: string) => void this.told.push(event)
    const clock = () => {
      this.now += this.pace
      return this.now
    }
    const parts = {
      store,
      config,
      inventory: { current: inventory(none, joinSettings(config.identity)) },
      unusable: new Unusable(log),
      fleet: new FleetMemory(config.analytics.scope.window),
      learnFrom: function* () {},
      baselines: new BaselineMemory({ config, store }),
      labels: new LabelMemory(store, memory, () => config.analytics.labels),
      register: new RegisterMemory(store, day),
      drifts: { get: () => undefined },
      suspects: this.suspects,
      memory,
      log,
      clock,
    }
    return new Rewalk(parts, most)
  }

  /** A phone at this address was seen now, and something of two days ago came. */
  late(rewalk: Rewalk, address: string): void {
    const device = `address:${address}`
    this.suspects.remember(device, { addresses: [address], latest: dayStart + 3 * day })
    rewalk.concerned(device, dayStart + day)
    rewalk.learned()
  }

  commit(rewalk: Rewalk): void {
    this.world.store.transaction(() => rewalk.store())()
  }
}

const addresses = ["10.0.0.1", "10.0.0.2", "10.0.0.3", "10.0.0.4"]

t.test("of more devices than may wait it is told, once, and those that wait are walked", (t) => {
  const walker = new Walker(t)
  const rewalk = walker.open(2)
  for (const address of addresses) walker.late(rewalk, address)
  t.equal(rewalk.counts.rewalking, 2)
  t.strictSame(walker.told, ["rewalks-left-out"])
  while (rewalk.step(walker.now, () => {}));
  t.strictSame(rewalk.counts, { rewalking: 0, rewalked: 2 })
  t.end()
})

t.test("a fact in the span of its device's newest record is the present's alone", (t) => {
  const walker = new Walker(t)
  const rewalk = walker.open()
  const latest = dayStart + 3 * day + 5 * HOUR
  walker.suspects.remember("one", { addresses: ["10.0.0.1"], latest })
  rewalk.concerned("one", dayStart + 3 * day)
  rewalk.learned()
  t.equal(rewalk.counts.rewalking, 0)
  walker.suspects.remember("one", { addresses: ["10.0.0.1"], latest: latest + HOUR })
  rewalk.learned()
  t.equal(rewalk.counts.rewalking, 1, "it was not looked at before the next span began")
  t.end()
})

t.test("a restart loses none that wait, and what was walked does not come again", (t) => {
  const walker = new Walker(t)
  const first = walker.open()
  for (const address of addresses) walker.late(first, address)
  walker.commit(first)
  const second = walker.open()
  t.equal(second.counts.rewalking, 4)
  second.step(walker.now, () => {})
  while (second.step(walker.now, () => {}));
  t.equal(second.counts.rewalked, 4)
  t.equal(walker.open().counts.rewalking, 0)
  t.end()
})

t.test("while the store is full a walk waits; one that cannot be stored is given up", (t) => {
  const walker = new Walker(t)
  const rewalk = walker.open()
  walker.late(rewalk, "10.0.0.1")
  const failing = (code: string) => () => {
    throw Object.assign(new Error(code), { name: "SqliteError", code })
  }
  t.throws(() => {
    while (rewalk.step(walker.now, failing("SQLITE_FULL")));
  }, /SQLITE_FULL/)
  t.equal(rewalk.counts.rewalking, 1)
  while (rewalk.step(walker.now, failing("SQLITE_CONSTRAINT_CHECK")));
  t.strictSame(rewalk.counts, { rewalking: 0, rewalked: 0 })
  t.strictSame(walker.told, ["judgement-failed"])
  t.end()
})

t.test("walking takes a tenth of a core at most, however much there is", (t) => {
  const walker = new Walker(t)
  const rewalk = walker.open()
  for (const address of addresses) walker.late(rewalk, address)
  walker.pace = 5
  const start = walker.now
  const slices: number[] = []
  while (rewalk.counts.rewalking > 0 && walker.now < start + HOUR) {
    const before = walker.now
    rewalk.step(before, () => {})
    if (walker.now > before) slices.push(walker.now - before)
    walker.now += 20
  }
  t.equal(rewalk.counts.rewalked, 4)
  t.ok(slices.length > 1)
  const rested = slices.slice(0, -1).reduce((sum, took) => sum + took, 0)
  t.ok(rested <= (walker.now - start) / 9, `${rested} ms of ${walker.now - start}`)
  t.end()
})

t.test("the present comes first: while much waits to be judged nothing is walked", (t) => {
  const world = new ControlledWorld(t)
  const accepted = (nth: number) =>
    attempt(`host${nth % 50}.example`, nth * 1_000, "accepted", {
      ...whose,
      client_ip: `10.1.0.${nth % 20}`,
    })
  world.store.append(
    "attempts",
    Array.from({ length: 9_000 }, (_, nth) => accepted(nth)),
  )
  world.store.rewalks.put([{ device_id: "address:10.1.0.1", since_ms: dayStart + MINUTE }])
  const correlator = world.correlator()
  while (correlator.counts.behind >= 2_000) {
    t.equal(correlator.counts.rewalking + correlator.counts.rewalked, 1)
    t.equal(correlator.counts.rewalked, 0, `${correlator.counts.behind} behind`)
    correlator.pass()
  }
  world.settle(correlator)
  t.equal(correlator.counts.rewalked, 1)
  t.strictSame(world.store.rewalks.all(10), [])
  t.end()
})

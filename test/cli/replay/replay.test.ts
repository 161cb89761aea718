import fc from "fast-check"
import t, { type Test } from "tap"
import { Correlator } from "../../../src/cli/correlator/pass.ts"
import { replay } from "../../../src/cli/replay/replay.ts"
import { type Config, loadConfig } from "../../../src/config.ts"
import { openStore } from "../../../src/evidence/open.ts"
import type { Store } from "../../../src/evidence/store.ts"
import type { Finding } from "../../../src/record/finding.ts"
import { newDir } from "../../evidence/fixtures.ts"
import { dayStart, HOUR } from "../../support/records.ts"
import { type Arrival, mixedDay, whose } from "./mixed-world.ts"

const config = loadConfig(null, { ...whose, control: { mode: "off" } })
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

t.test("facts in any order of arrival give the findings of the right order and of replay", (t) => {
  const day = mixedDay()
  const right = newStore(t)
  const inOrder = standing(live(right, [inEventOrder(day)]))
  t.ok(inOrder.length >= 6, `${inOrder.length} findings`)
  t.strictSame(standing(replayed(right)), inOrder, "replay of the right order")
  const shuffled = fc.shuffledSubarray(day, { minLength: day.length })
  const cuts = fc.array(fc.integer({ min: 1, max: day.length - 1 }), { maxLength: 3 })
  fc.assert(
    fc.property(shuffled, cuts, (arrivals, at) => {
      const store = newStore(t)
      const stored = live(store, inBatches(arrivals, at))
      t.strictSame(standing(stored), inOrder)
      t.strictSame(standing(replayed(store)), inOrder)
      return t.passing()
    }),
    { numRuns: 15, seed: 7 },
  )
  t.end()
})

function inBatches(arrivals: readonly Arrival[], at: readonly number[]): Arrival[][] {
  const cuts = [0, ...at.toSorted((a, b) => a - b), arrivals.length]
  return cuts.slice(1).map((cut, index) => arrivals.slice(cuts[index], cut))
}

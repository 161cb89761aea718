import t from "tap"
import { LedgerPlaces } from "../../src/analytics/ledger-places.ts"
import { sightings } from "../../src/analytics/sighting.ts"
import { context, evidence } from "../support/records.ts"
import { acceptsElsewhere, refusedAt, settings, target } from "./worlds.ts"

const none = { network: new Set<string>(), register: new Map() }

t.test("what happens at one place leaves the keys of others as they were", async (t) => {
  const attempts = [...acceptsElsewhere(), ...refusedAt([1, 3, 5])]
  const { all } = sightings(evidence({ attempts }), context().now, settings)
  const places = new LedgerPlaces(settings)
  const last = all.at(-1)
  if (!last) throw new Error("nothing was seen")
  for (const each of all) if (each !== last) places.add(each)
  const before = places.weigh(none.network, none.register)
  t.strictSame(places.weigh(none.network, none.register), before)
  places.add(last)
  const after = places.weigh(none.network, none.register)
  const at = (named: typeof before, destination: string) =>
    named.find(({ key }) => key.group.destination === destination)?.key
  t.equal(at(before, "www.news.example"), at(after, "www.news.example"), "the very same")
  t.strictSame([at(before, target)?.tries.length, at(after, target)?.tries.length], [2, 3])
  const [conduct] = places.index.byApp.values()
  t.equal(conduct?.refused.length ?? 0, 3, "and in the index")
  for (const each of all) places.remove(each)
  t.strictSame(places.weigh(none.network, none.register), [])
  t.equal(places.index.byStack.size + places.index.totals.size, 0, "nothing is left of it")
})

import fc from "fast-check"
import t from "tap"
import { networkWindows } from "../../src/analytics/drops.ts"
import { LedgerNetwork } from "../../src/analytics/ledger-network.ts"
import { type Sighting, sightings } from "../../src/analytics/sighting.ts"
import type { Outcome } from "../../src/record/attempt.ts"
import { attempt, by, context, evidence, HOUR, SECOND } from "../support/records.ts"
import { settings } from "./worlds.ts"

const outcomes: Outcome[] = ["accepted", "timed-out", "refused-reset", "refused-reset"]

/** Where, when in seconds, how. */
const seen = fc.array(
  fc.tuple(fc.nat({ max: 4 }), fc.nat({ max: 40 }), fc.constantFrom(...outcomes)),
  { minLength: 5, maxLength: 30, size: "max" },
)

t.test("windows that are kept in step are those of all failures at once", async (t) => {
  let dropped = 0
  fc.assert(
    fc.property(seen, fc.array(fc.nat()), (given, gone) => {
      const attempts = given.map(([place, second, outcome], index) =>
        by(attempt(`h${place}.example`, HOUR + second * SECOND, outcome, { id: `a${index}` })),
      )
      const { all } = sightings(evidence({ attempts }), context().now, settings)
      const kept = new LedgerNetwork(settings.scope)
      const there = new Set<Sighting>()
      const agree = () => {
        kept.settle()
        const now = { attempts: [], flows: [], all: [...there] }
        t.strictSame([...kept.dropped].sort(), [...networkWindows(now, settings.scope)].sort())
        dropped += kept.dropped.size
      }
      for (const each of all.toSorted((a, b) => (a.id < b.id ? -1 : 1))) {
        there.add(each)
        kept.add(each)
        agree()
      }
      for (const index of gone) {
        const each = all[index % all.length] as Sighting
        if (!there.delete(each)) continue
        kept.remove(each)
        agree()
      }
    }),
    { numRuns: 60 },
  )
  t.ok(dropped > 100, `${dropped} were dropped`)
})

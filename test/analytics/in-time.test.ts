import fc from "fast-check"
import t from "tap"
import { byTime } from "../../src/analytics/bucket.ts"
import { findInTime, insertInTime, removeInTime } from "../../src/analytics/in-time.ts"

const interval = fc
  .record({ start: fc.nat({ max: 20 }), id: fc.nat({ max: 9 }) })
  .map(({ start, id }) => ({ start, end: start + 1, id: `${id}` }))

t.test("whatever comes and goes, the list is in the order of evidence", async (t) => {
  fc.assert(
    fc.property(fc.array(interval), fc.array(interval), (come, go) => {
      const list: typeof come = []
      for (const each of come) if (!findInTime(list, each)) insertInTime(list, each)
      const kept = new Map(come.map((each) => [`${each.start} ${each.id}`, each]))
      for (const each of go)
        t.equal(removeInTime(list, each), kept.delete(`${each.start} ${each.id}`))
      t.strictSame(list, [...kept.values()].sort(byTime))
    }),
    { numRuns: 50 },
  )
})

import fc from "fast-check"
import t from "tap"
import { lastUpTo, rank } from "../../src/analytics/rank.ts"

t.test("halving finds what a scan finds", async (t) => {
  fc.assert(
    fc.property(fc.array(fc.nat(50)), fc.nat(50), (times, until) => {
      const sorted = [...times].sort((a, b) => a - b)
      const scanned = sorted.filter((time) => time <= until)
      t.equal(
        rank(sorted, until, (time) => time),
        scanned.length,
      )
      t.equal(
        lastUpTo(sorted, until, (time) => time),
        scanned.at(-1),
      )
    }),
  )
})

import fc from "fast-check"
import t from "tap"
import { bucketOf, bucketsOf, byTime, tries } from "../../src/analytics/bucket.ts"

const dial = (start: number, end: number) => ({ id: `${start}-${end}`, start, end })

t.test("buckets are fixed, not counted from the first refusal", async (t) => {
  t.equal(bucketOf(59_999, 60_000), 0)
  t.equal(bucketOf(60_000, 60_000), 1)
  t.equal(bucketsOf([{ start: 59_999 }, { start: 60_000 }], 60_000), 2)
  t.equal(bucketsOf([{ start: 60_000 }, { start: 119_999 }], 60_000), 1)
})

t.test("overlapping connections are one try, sequential ones are many", async (t) => {
  const rows = [
    { name: "none", dials: [], count: 0 },
    { name: "one", dials: [dial(0, 10)], count: 1 },
    { name: "parallel dial", dials: [dial(0, 100), dial(5, 90), dial(99, 300)], count: 1 },
    { name: "begun as the first ended", dials: [dial(0, 100), dial(100, 200)], count: 2 },
    { name: "retry loop", dials: [dial(0, 10), dial(20, 30), dial(40, 50)], count: 3 },
    {
      name: "two dials always open do not make one endless try",
      dials: [dial(0, 100), dial(50, 150), dial(120, 220), dial(170, 270), dial(240, 340)],
      count: 3,
    },
  ]
  for (const { name, dials, count } of rows) t.equal(tries(dials).length, count, name)
})

t.test("tries hold every connection once, whatever the order of the input", async (t) => {
  const dials = fc.array(fc.tuple(fc.nat(1_000), fc.nat(200)), { maxLength: 30 })
  fc.assert(
    fc.property(dials, (pairs) => {
      const given = pairs.map(([start, length], index) => ({
        id: `${index}`,
        start,
        end: start + length,
      }))
      const found = tries(given)
      t.equal(found.flatMap((each) => each.members).length, given.length)
      t.strictSame(tries([...given].reverse()), found)
    }),
    { numRuns: 50 },
  )
})

t.test("evidence sorts by time, then end, then id", async (t) => {
  const b = { id: "b", start: 1, end: 2 }
  const a = { id: "a", start: 1, end: 2 }
  const later = { id: "0", start: 2, end: 2 }
  const longer = { id: "0", start: 1, end: 3 }
  t.same([later, longer, b, a].sort(byTime), [a, b, longer, later])
  t.equal(byTime(a, a), 0)
})

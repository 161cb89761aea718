import fc from "fast-check"
import t from "tap"
import { FirstSeen } from "../../src/analytics/first-seen.ts"

t.test(
  "the first record of each of the first devices is kept, in whatever order it comes",
  async (t) => {
    const notes = Array.from({ length: 12 }, (_, nth) => ({
      device: `d${nth % 4}`,
      at: (nth * 7) % 12,
      id: `r${nth}`,
    }))
    const told = (order: typeof notes) => {
      const seen = new FirstSeen(3)
      for (const { device, at, id } of order) seen.note(device, at, id)
      return [seen.idsUpTo(11, "d9"), seen.idsUpTo(5, "d0"), seen.devicesUpTo(11, "d0")]
    }
    fc.assert(
      fc.property(fc.shuffledSubarray(notes, { minLength: notes.length }), (order) => {
        t.strictSame(told(order), told(notes))
      }),
      { numRuns: 50 },
    )
    t.strictSame(told(notes), [["r0", "r7", "r2"], ["r7", "r2"], 2])
  },
)

t.test("a device says since when it was known", async (t) => {
  const seen = new FirstSeen(3)
  t.equal(seen.note("d1", 5, "a"), Number.POSITIVE_INFINITY)
  t.equal(seen.note("d1", 7, "b"), 5)
  t.equal(seen.note("d1", 2, "c"), 5)
  t.equal(seen.note("d1", 9, "d"), 2)
})

import fc from "fast-check"
import t from "tap"
import { isSameRecord } from "../../src/analytics/same-record.ts"

t.test("two plain records are the same exactly if their text is", async (t) => {
  const value = fc.jsonValue({ maxDepth: 3 })
  fc.assert(
    fc.property(value, value, (a, b) => {
      const copy = JSON.parse(JSON.stringify(a))
      t.ok(isSameRecord(a, copy))
      if (JSON.stringify(a) === JSON.stringify(b)) return
      const sorted = (of: unknown) => JSON.stringify(of, (_, each) => inOrder(each))
      t.equal(isSameRecord(a, b), sorted(a) === sorted(b))
    }),
    { numRuns: 200 },
  )
  t.ok(isSameRecord({ a: 1, b: undefined }, { a: 1 }), "what is undefined is not there")
  t.notOk(isSameRecord({ a: 1, b: null }, { a: 1 }))
  t.notOk(isSameRecord([1], { 0: 1 }))
})

function inOrder(value: unknown): unknown {
  if (typeof value !== "object" || value === null || Array.isArray(value)) return value
  return Object.fromEntries(Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1)))
}

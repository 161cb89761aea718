import t from "tap"
import { backoffMs } from "../../src/alert/backoff.ts"

const backoff = { firstMs: 500, maxMs: 60_000 }

t.test("the wait doubles with each failure up to its maximum", async (t) => {
  const waits = [1, 2, 3, 7, 8, 9, 1_000].map((failures) => backoffMs(failures, backoff, 1))
  t.same(waits, [500, 1_000, 2_000, 32_000, 60_000, 60_000, 60_000])
})

t.test("half of the wait is by chance", async (t) => {
  t.equal(backoffMs(2, backoff, 0), 500)
  t.equal(backoffMs(2, backoff, 0.5), 750)
})

import t from "tap"
import { randomPool } from "../../../src/cli/worker/random-pool.ts"
import { recordId } from "../../../src/record/record-id.ts"

t.test("ids from the pool are all different, over many rounds of it", (t) => {
  const random = randomPool()
  const ids = new Set(Array.from({ length: 20_000 }, () => recordId(1, random(10))))
  t.equal(ids.size, 20_000)
  t.end()
})

t.test("an id is a UUID of version 7 that begins with its time", (t) => {
  const id = recordId(Date.parse("2026-11-21T01:02:03.004Z"), randomPool()(10))
  t.match(id, /^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/)
  t.equal(Number.parseInt(id.replace("-", "").slice(0, 12), 16), 1795222923004)
  t.end()
})

import t from "tap"
import { openStore } from "../../src/evidence/open.ts"
import { attempt, dayStart } from "../support/records.ts"
import { newDir } from "./fixtures.ts"

t.test("facts are read in the order of event time, those of one time as they came", async (t) => {
  const store = openStore(newDir(t))
  t.teardown(() => store.close())
  // More than are read at a time, many of one time, and the newest first.
  const given = Array.from({ length: 1_700 }, (_, nth) =>
    attempt("a.example", 10 * (3 - Math.floor(nth / 600)), "accepted", { id: `a${nth}` }),
  )
  store.append("attempts", given)
  const ids = (from: number, to: number) =>
    [...store.inTime("attempts", dayStart + from, dayStart + to)].map(({ id }) => id)
  const expected = given
    .toSorted((a, b) =>
      a.observed_at < b.observed_at ? -1 : a.observed_at > b.observed_at ? 1 : 0,
    )
    .map(({ id }) => id)
  t.strictSame(ids(0, 100), expected)
  t.strictSame(ids(10, 20), expected.slice(0, 500))
  t.strictSame(ids(11, 20), [])
  t.equal(store.firstTime("attempts", dayStart + 11), dayStart + 20)
  t.equal(store.lastTime("attempts", dayStart + 30), dayStart + 20)
  t.equal(store.firstTime("attempts", dayStart + 31), null)
  t.equal(store.lastTime("flows", dayStart + 31), null)
})

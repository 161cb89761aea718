import t from "tap"
import { stableId } from "../../src/analytics/stable-id.ts"

t.test("the same parts give the same id, and parts do not run together", async (t) => {
  t.match(stableId(["a", "b"]), /^[0-9a-f]{32}$/)
  t.equal(stableId(["a", "b"]), stableId(["a", "b"]))
  const all = [["a", "b"], ["ab"], ["a", "b", ""], ["a|b"], ["a", null], ["a", "null"]]
  t.equal(new Set(all.map(stableId)).size, all.length)
})

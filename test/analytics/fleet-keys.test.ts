import t from "tap"
import { baselineKey, elsewhereKey, stackBaselineKey } from "../../src/analytics/fleet-keys.ts"

t.test("apps, versions and destinations have keys of their own", async (t) => {
  const keys = [
    elsewhereKey("a", "1", "x.example"),
    elsewhereKey("a", "2", "x.example"),
    elsewhereKey("a", null, "x.example"),
    elsewhereKey("b", "1", "x.example"),
    elsewhereKey("a", "1", "y.example"),
  ]
  t.equal(new Set(keys).size, keys.length)
  t.not(baselineKey("a", "x.example"), baselineKey("b", "x.example"))
  t.not(baselineKey("a", "x.example"), baselineKey("a", "y.example"))
})

t.test("without an app there is no key that an app could have", async (t) => {
  t.equal(elsewhereKey(null, "1", "x.example"), "")
})

t.test("a stack is never taken for an app's destination", async (t) => {
  t.not(stackBaselineKey("t13x"), baselineKey("stack:t13x", ""))
})

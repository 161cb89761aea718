import t from "tap"
import { elsewhereKey, elsewhereStackKey } from "../../src/analytics/fleet-keys.ts"

t.test("apps, versions and destinations have keys of their own", async (t) => {
  const keys = [
    elsewhereKey("a", "1", "x.example"),
    elsewhereKey("a", "2", "x.example"),
    elsewhereKey("a", null, "x.example"),
    elsewhereKey("b", "1", "x.example"),
    elsewhereKey("a", "1", "y.example"),
  ]
  t.equal(new Set(keys).size, keys.length)
})

t.test("without an app there is no key that an app could have", async (t) => {
  t.equal(elsewhereKey(null, "1", "x.example"), "")
})

t.test("a stack is never taken for an app's destination", async (t) => {
  t.not(elsewhereStackKey("t13x", "x.example"), elsewhereKey("t13x", null, "x.example"))
})

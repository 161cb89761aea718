import t from "tap"
import { parseNetwork } from "../../../src/policy/destination/addresses.ts"
import { hostKeys } from "../../../src/policy/index/host-keys.ts"

t.test("a name, the names below one, and addresses have different keys", async (t) => {
  t.equal(hostKeys(undefined), undefined)
  t.same(hostKeys(["API.example.org.", "*.Example.org", "192.0.2.9/24", "2001:db8::1"]), [
    "api.example.org",
    ".example.org",
    parseNetwork("192.0.2.0/24"),
    parseNetwork("2001:db8::1/128"),
  ])
  t.throws(() => hostKeys(["*"]), /only stand first/)
})

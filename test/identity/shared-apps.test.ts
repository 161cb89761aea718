import t from "tap"
import { SharedApps } from "../../src/identity/shared-apps.ts"

const app = (id: string, version = "1", over = {}) => ({
  app_id: id,
  name: null,
  version,
  signer_sha256: null,
  managed: null,
  ...over,
})

t.test("a row that says the same is one object, any difference is another", async (t) => {
  const shared = new SharedApps()
  const [first] = shared.share([app("a")])
  const rows = [app("a"), app("a", "2"), app("a", "1", { managed: true }), app("b")]
  const [same, ...others] = shared.share(rows)
  t.equal(same, first)
  t.strictSame([same, ...others], rows, "what is said stays")
  t.equal(new Set([same, ...others]).size, 4)
  t.equal(shared.share([app("a", "1", { name: "A" })])[0]?.name, "A")
})

t.test("beyond its limit it begins anew, and what it gave stays as it is", async (t) => {
  const shared = new SharedApps(2)
  const [a, b, c] = shared.share([app("a"), app("b"), app("c")])
  t.strictSame([a?.app_id, b?.app_id, c?.app_id], ["a", "b", "c"])
  t.not(shared.share([app("a")])[0], a)
  t.equal(shared.share([app("c")])[0], c)
})

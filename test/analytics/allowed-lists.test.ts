import t from "tap"
import { allowedDestinations, isAllowedApp } from "../../src/analytics/allowed-lists.ts"
import { bank } from "../support/records.ts"

t.test("the lists are read for all apps or for one", async (t) => {
  const lists = {
    AllowedAppList: [bank, { app: "org.other", "signer-sha256": "any" as const }],
    AllowedDestinationList: ["a.example", { app: bank, destinations: ["b.example"] }],
  }
  t.same(allowedDestinations(bank, lists), [["a.example"], ["b.example"]])
  t.same(allowedDestinations("org.other", lists), [["a.example"]])
  const again = allowedDestinations(bank, lists)
  t.equal(again[1], allowedDestinations(bank, lists)[1], "the same list, compiled once")
  t.same(
    [bank, "org.other", "org.third", null].map((id) => isAllowedApp(id, lists)),
    [true, true, false, false],
  )
})

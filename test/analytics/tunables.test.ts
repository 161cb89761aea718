import t from "tap"
import { An1725Settings, An1726Settings } from "../../src/analytics/tunables.ts"

t.test("the tunables of AN1725 and AN1726 are ATT&CK's, in its order", async (t) => {
  t.same(Object.keys(An1725Settings.shape), [
    "TimeWindow",
    "AllowedAppList",
    "AllowedDestinationList",
    "ForegroundStateRequired",
    "InspectionFailureThreshold",
    "RetryPatternWindow",
  ])
  t.same(Object.keys(An1726Settings.shape), [
    "TimeWindow",
    "AllowedAppList",
    "AllowedDestinationList",
    "ForegroundStateRequired",
    "InspectionFailureThreshold",
  ])
})

t.test("both forms of the allowed lists are read", async (t) => {
  const lists = An1725Settings.parse({
    AllowedAppList: ["com.a", { app: "com.b", "signer-sha256": `${"AB:".repeat(31)}AB` }],
    AllowedDestinationList: ["*.a.example", { app: "com.b", destinations: ["203.0.113.0/24"] }],
  })
  t.same(lists.AllowedAppList, ["com.a", { app: "com.b", "signer-sha256": "ab".repeat(32) }])
  t.equal(lists.AllowedDestinationList.length, 2)
})

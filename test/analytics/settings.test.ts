import t from "tap"
import { AnalyticsSettings, defaultAnalyticsSettings } from "../../src/analytics/settings.ts"

t.test("the defaults are what docs/analytics.md says", async (t) => {
  const settings = defaultAnalyticsSettings()
  t.same(settings.scope, {
    window: 86_400_000,
    bucket: 60_000,
    refusals: 3,
    "everything-min": 5,
    "network-window": 10_000,
    "network-destinations": 3,
    "allowed-lateness": 604_800_000,
    "spare-window": 10_000,
    "trust-within": 3_600_000,
    "trust-near": 1_800_000,
    "app-accepts": 2,
    "stack-accepts": 4,
  })
  t.same(settings["categories-expected-to-pin"], ["finance", "authentication", "messaging"])
})

t.test("what is wrong is refused with a reason", async (t) => {
  const rows: [string, unknown, RegExp][] = [
    ["an unknown key", { AN1725: { timeWindow: "5m" } }, /timeWindow/],
    ["a tunable of the other analytic", { AN1726: { RetryPatternWindow: "5m" } }, /RetryPattern/],
    ["more devices than are told", { baseline: { devices: 32 } }, /31/],
    ["a number for a duration", { scope: { window: 60 } }, /string/],
    ["a bucket of no length", { scope: { bucket: "0s" } }, /longer than nothing/],
    ["a URL as a destination", { AN1725: { AllowedDestinationList: ["https://x/"] } }, /host/],
    [
      "half a fingerprint",
      { AN1725: { AllowedAppList: [{ app: "x", "signer-sha256": "abcd" }] } },
      /Invalid input/,
    ],
  ]
  for (const [name, given, message] of rows)
    t.throws(() => AnalyticsSettings.parse(given), { message }, name)
})

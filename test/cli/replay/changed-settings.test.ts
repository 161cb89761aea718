import t from "tap"
import { settableKeys, withSettings } from "../../../src/cli/replay/changed-settings.ts"
import { loadConfig } from "../../../src/config.ts"

const config = loadConfig(null, { analytics: { scope: { refusals: 4 } } })

t.test(
  "settings are set by ATT&CK's names and ours, in the units of the configuration",
  async (t) => {
    const { config: set, changed } = withSettings(config, [
      "AN1725.InspectionFailureThreshold=5",
      "analytics.scope.refusals=2",
      "AN1726.TimeWindow=30m",
      "fast-window.min=100ms",
      "AN1725.ForegroundStateRequired=false",
      "AN1726.AllowedAppList=[com.a, {app: com.b, signer-sha256: any}]",
    ])
    const { AN1725, AN1726, scope } = set.analytics
    t.equal(AN1725.InspectionFailureThreshold, 5)
    t.equal(AN1725.ForegroundStateRequired, false)
    t.equal(scope.refusals, 2)
    t.equal(AN1726.TimeWindow, 30 * 60_000)
    t.strictSame(AN1726.AllowedAppList, ["com.a", { app: "com.b", "signer-sha256": "any" }])
    t.equal(set["fast-window"].min, 100)
    t.strictSame(changed[1], { key: "analytics.scope.refusals", was: 4, now: 2 })
    t.strictSame(changed[2], { key: "analytics.AN1726.TimeWindow", was: "15m", now: "30m" })
    t.equal(config.analytics.scope.refusals, 4, "what is compared with stays as it was")
    t.equal(config["fast-window"].min, 500)
  },
)

t.test("what cannot be set says why, and names keys that can", async (t) => {
  const rows: [string, RegExp][] = [
    ["scope.refusal=4", /near it are scope\.refusals,/],
    ["AN1725.inspectionfailurethreshold=4", /near it are AN1725\.InspectionFailureThreshold,/],
    ["RetryPatternWindow=4m", /AN1725\.RetryPatternWindow/],
    ["AN1726.RetryPatternWindow=4m", /no such setting/],
    ["scope=4", /set one of scope\.window, .*scope\.refusals/],
    ["control.mode=off", /no such setting to judge by/],
    ["scope.refusals=1", /--set scope\.refusals=1: .*Too small/],
    ["scope.refusals=many", /expected number/],
    ["scope.bucket=0s", /longer than nothing/],
    ["AN1725.TimeWindow=15", /expected string/],
    ["AN1725.AllowedAppList=[", /--set AN1725\.AllowedAppList=\[: /],
    ["scope.refusals", /write KEY=VALUE/],
    ["=4", /write KEY=VALUE/],
  ]
  for (const [set, message] of rows) t.throws(() => withSettings(config, [set]), { message }, set)
})

t.test("a key of an override is set by the override's name", async (t) => {
  const override = { name: "kiosks", group: "kiosks", set: { AN1725: { TimeWindow: "5m" } } }
  const given = loadConfig(null, { analytics: { overrides: [override] } })
  const { config: set, changed } = withSettings(given, [
    "overrides.kiosks.AN1725.TimeWindow=1m",
    "analytics.overrides.kiosks.scope.refusals=6",
  ])
  t.strictSame(set.analytics.overrides[0]?.set, {
    scope: { refusals: 6 },
    AN1725: { TimeWindow: 60_000 },
  })
  const key = "analytics.overrides.kiosks.AN1725.TimeWindow"
  t.strictSame(changed[0], { key, was: "5m", now: "1m" })
  t.equal(given.analytics.overrides[0]?.set.AN1725?.TimeWindow, 300_000, "and nowhere else")
  const rows: [string, RegExp][] = [
    ["overrides.lobby.scope.refusals=6", /no override lobby; there are kiosks/],
    ["overrides.kiosks.scope.window=6h", /of all its apps together/],
    ["overrides.kiosks.scope.refusals=1", />=2/],
    ["overrides.kiosks.TimeWindow=6h", /write overrides\.kiosks\.AN1725\.TimeWindow/],
  ]
  for (const [text, message] of rows) t.throws(() => withSettings(given, [text]), { message }, text)
  const all = withSettings(given, ["overrides=[]"])
  t.strictSame(all.config.analytics.overrides, [])
})

t.test("every setting of the analytics can be set", async (t) => {
  const keys = settableKeys()
  for (const key of ["scope.allowed-lateness", "baseline.devices", "AN1725.TimeWindow"])
    t.ok(keys.includes(key), key)
  t.equal(new Set(keys).size, keys.length)
})

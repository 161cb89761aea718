import t from "tap"
import { AnalyticsSettings } from "../../src/analytics/settings.ts"

const fault = (override: unknown, ...more: unknown[]) => {
  const parsed = AnalyticsSettings.safeParse({ overrides: [override, ...more] })
  return parsed.success ? "" : parsed.error.issues.map(({ message }) => message).join("; ")
}

t.test("what may not differ, and what is no override, is refused with the reason", async (t) => {
  const app = "com.example.app"
  const set = { scope: { refusals: 4 } }
  const rows: [string, unknown, RegExp][] = [
    ["a window", { name: "a", app, set: { scope: { window: "1h" } } }, /of all its apps together/],
    [
      "allowed lateness",
      { name: "a", app, set: { scope: { "allowed-lateness": "1h" } } },
      /correlator waits.*analytics\.scope/,
    ],
    [
      "what tells a lost network",
      { name: "a", app, set: { scope: { "network-window": "1s" } } },
      /lost network/,
    ],
    ["an unknown key", { name: "a", app, set: { scope: { refusal: 4 } } }, /Unrecognized.*refusal/],
    ["a wrong value", { name: "a", app, set: { scope: { refusals: 1 } } }, />=2/],
    [
      "a tunable of the other analytic",
      { name: "a", app, set: { AN1726: { RetryPatternWindow: "1m" } } },
      /RetryPatternWindow/,
    ],
    ["for nobody", { name: "a", set }, /say for which app or group/],
    ["a platform alone", { name: "a", platform: "ios", set }, /say for which app or group/],
    ["app and apps", { name: "a", app, apps: [app], set }, /not both/],
    ["group and groups", { name: "a", group: "x", groups: ["y"], set }, /not both/],
    ["nothing set", { name: "a", app, set: {} }, /sets nothing/],
    ["an empty part", { name: "a", app, set: { scope: {} } }, /sets nothing/],
    ["a name that is none", { name: "A b", app, set }, /kebab-case/],
    ["a key of its own", { name: "a", app, set, because: "x" }, /because/],
  ]
  for (const [name, override, message] of rows) t.match(fault(override), message, name)
  const one = { name: "a", app, set }
  t.match(fault(one, one), /"a" is the name of an earlier override/)
  t.equal(fault(one, { ...one, name: "b" }), "")
})

t.test("an override holds what it was given, without defaults", async (t) => {
  const { overrides } = AnalyticsSettings.parse({
    overrides: [
      {
        name: "a",
        group: "kiosks",
        set: { AN1725: { TimeWindow: "5m" }, scope: { bucket: "30s" } },
      },
    ],
  })
  t.strictSame(overrides[0]?.set, { AN1725: { TimeWindow: 300_000 }, scope: { bucket: 30_000 } })
})

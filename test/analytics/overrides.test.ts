import t from "tap"
import { overrideWords, type TunedFor, tunedFor } from "../../src/analytics/overrides.ts"
import { AnalyticsSettings } from "../../src/analytics/settings.ts"
import { bank, device, evidence, someone, who } from "../support/records.ts"
import { acceptsElsewhere, findTarget, judgeTarget, refusedAt, trialAt } from "./worlds.ts"

const settings = AnalyticsSettings.parse({
  AN1725: { InspectionFailureThreshold: 4, AllowedAppList: ["com.example.mail"] },
  overrides: [
    {
      name: "kiosk-bank",
      app: bank,
      group: "kiosks",
      set: { AN1725: { InspectionFailureThreshold: 9 } },
    },
    { name: "bank-on-ios", app: bank, platform: "ios", set: { scope: { refusals: 7 } } },
    { name: "bank", apps: [bank, "com.example.other"], set: { scope: { refusals: 5 } } },
    { name: "kiosks", groups: ["kiosks", "lobby"], set: { AN1725: { TimeWindow: "1m" } } },
  ],
})
const ask = (over: Partial<TunedFor>) =>
  tunedFor(settings, { app_id: bank, groups: [], platform: "android", ...over })

t.test("the first override that covers app, group and platform decides alone", async (t) => {
  const rows: [string, Partial<TunedFor>, string | null][] = [
    ["app and group", { groups: ["field", "kiosks"] }, "kiosk-bank"],
    ["app on another platform", {}, "bank"],
    ["app on its platform", { platform: "ios" }, "bank-on-ios"],
    ["another app of the list", { app_id: "com.example.other" }, "bank"],
    ["a group alone", { app_id: "org.x", groups: ["lobby"] }, "kiosks"],
    ["no app observed", { app_id: null, groups: ["kiosks"] }, "kiosks"],
    ["neither", { app_id: "org.x", groups: ["field"] }, null],
    ["no app, no group", { app_id: null }, null],
  ]
  for (const [name, whose, override] of rows) t.equal(ask(whose).override, override, name)
})

t.test("what an override does not set is the general setting", async (t) => {
  const tuned = ask({ groups: ["kiosks"] }).settings
  t.equal(tuned.AN1725.InspectionFailureThreshold, 9)
  t.strictSame(tuned.AN1725.AllowedAppList, settings.AN1725.AllowedAppList)
  t.equal(tuned.scope.refusals, settings.scope.refusals, "the next override adds nothing to it")
  t.equal(ask({}).settings.AN1725.InspectionFailureThreshold, 4)
  t.equal(ask({ app_id: "org.x" }).settings, settings)
})

t.test("asking does not get slower with the number of overrides", async (t) => {
  const overrides = Array.from({ length: 2_000 }, (_, nth) => ({
    name: `o${nth}`,
    app: `com.example.app${nth}`,
    set: { scope: { refusals: 4 } },
  }))
  const many = AnalyticsSettings.parse({ overrides })
  const whose = { app_id: "com.example.app1999", groups: ["a", "b"], platform: "ios" } as const
  t.equal(tunedFor(many, whose).override, "o1999")
  const asked = { count: 0 }
  const watched = new Proxy(many.overrides, {
    get: (target, key) => {
      asked.count += 1
      return Reflect.get(target, key)
    },
  })
  Object.assign(many, { overrides: watched })
  for (let nth = 0; nth < 100; nth += 1) tunedFor(many, whose)
  t.equal(asked.count, 0, "the list is read once, when it is indexed")
})

t.test("a finding is judged by the override of its app, and names it", async (t) => {
  const given = (attribution = who(), groups: string[] = []) =>
    evidence({
      device: device({ groups }),
      attempts: [...acceptsElsewhere(attribution), ...refusedAt([1, 3, 5, 12], {}, attribution)],
      flows: trialAt([6, 7], {}, attribution),
    })
  const found = judgeTarget(given(), {}, settings)
  t.equal(found.verdict, "undetermined", "four refusals are too few for this app")
  t.ok(found.reasons.includes(overrideWords(ask({})) ?? ""))
  const kiosk = findTarget(given(who(), ["kiosks"]), {}, settings)
  t.equal(kiosk?.verdict, "confirmed")
  t.match(kiosk?.reasons.join(" "), /override kiosk-bank/)
  const inferred = findTarget(given(who({ app: "inferred" })), {}, settings)
  t.notMatch(inferred?.reasons.join(" "), /override/, "an inferred app is nobody's")
  t.notMatch(findTarget(given(someone()), {}, settings)?.reasons.join(" "), /override/)
})

import t from "tap"
import { CoverageSettings, CoverageThresholds } from "../../src/analytics/coverage-settings.ts"
import { GapName } from "../../src/record/coverage-gap.ts"

t.test("every gap has a threshold, and no other name has one", (t) => {
  t.strictSame(Object.keys(CoverageThresholds.parse({})), GapName.options)
  t.end()
})

t.test("a share is 0 to 1, and a window at least an hour", (t) => {
  t.notOk(CoverageSettings.safeParse({ thresholds: { quic: 20 } }).success)
  t.notOk(CoverageSettings.safeParse({ thresholds: { quick: 0.2 } }).success)
  t.notOk(CoverageSettings.safeParse({ window: "10m" }).success)
  t.equal(CoverageSettings.parse({}).window, 7 * 86_400_000)
  t.end()
})

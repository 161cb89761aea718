import t from "tap"
import { isAtRisk, severer, severityOf, stepSeverity } from "../../src/analytics/severity.ts"
import { posture } from "../support/records.ts"

t.test("severity is confidence, raised by the device's risk and by exposure", async (t) => {
  const rows = [
    ["record", true, true, "informational"],
    ["low", false, false, "low"],
    ["low", true, false, "medium"],
    ["low", true, true, "high"],
    ["medium", false, false, "medium"],
    ["medium", false, true, "high"],
    ["medium", true, true, "critical"],
    ["high", false, false, "high"],
    ["high", false, true, "high"],
    ["high", true, false, "critical"],
  ] as const
  for (const [confidence, risk, exposed, severity] of rows)
    t.equal(severityOf(confidence, risk, exposed), severity, `${confidence} ${risk} ${exposed}`)
})

t.test("a device is at risk only where MDM says so", async (t) => {
  t.equal(isAtRisk(null), false)
  t.equal(isAtRisk(posture({ compliant: null, jailbroken: null })), false)
  t.equal(isAtRisk(posture({ compliant: false })), true)
  t.equal(isAtRisk(posture({ jailbroken: true })), true)
})

t.test(
  "a step beyond the ends of the scale stays there, and the severer of two is told",
  async (t) => {
    t.strictSame(
      [stepSeverity("medium", 1), stepSeverity("critical", 1), stepSeverity("informational", -1)],
      ["high", "critical", "informational"],
    )
    t.equal(severer("low", "high"), "high")
    t.equal(severer("critical", "high"), "critical")
  },
)

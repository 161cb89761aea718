import t from "tap"
import { sensorFault, sensorFaultFinding } from "../../src/analytics/sensor-fault.ts"
import type { Attempt } from "../../src/record/attempt.ts"
import { Finding } from "../../src/record/finding.ts"
import { attempt, by, ca2, MINUTE, someone } from "../support/records.ts"

type Outcome = Attempt["outcome"]

function fleet(
  from: number,
  outcome: Outcome,
  over: Partial<Attempt>,
  { devices = 3, destinations = 3 } = {},
) {
  return Array.from({ length: devices }, (_, device) =>
    Array.from({ length: destinations }, (_, index) =>
      by(
        attempt(`www.site${index}.example`, from * MINUTE + device, outcome, over),
        someone({ device_id: `d${device}` }),
      ),
    ),
  ).flat()
}

const calm = fleet(0, "accepted", {})
const newCa = { issuing_ca: ca2 }

const rows = [
  {
    name: "refusals across devices and destinations after a change of CA",
    attempts: [...calm, ...fleet(60, "refused-alert", newCa)],
    fault: true,
  },
  {
    name: "after a change of configuration",
    attempts: [...calm, ...fleet(60, "refused-alert", { sensor_config: "c2" })],
    fault: true,
  },
  {
    name: "without a change",
    attempts: [...calm, ...fleet(60, "refused-alert", {})],
    fault: false,
  },
  {
    name: "two devices",
    attempts: [...calm, ...fleet(60, "refused-alert", newCa, { devices: 2 })],
    fault: false,
  },
  {
    name: "two destinations",
    attempts: [...calm, ...fleet(60, "refused-alert", newCa, { destinations: 2 })],
    fault: false,
  },
  {
    name: "as many refusals before the change",
    attempts: [...fleet(0, "refused-alert", {}), ...fleet(60, "refused-alert", newCa)],
    fault: false,
  },
  {
    name: "most pairs still accept",
    attempts: [
      ...calm,
      ...fleet(60, "refused-alert", newCa),
      ...fleet(61, "accepted", newCa, { devices: 3, destinations: 20 }),
    ],
    fault: false,
  },
  {
    name: "nothing before the change: a first start",
    attempts: fleet(60, "refused-alert", newCa),
    fault: false,
  },
  {
    name: "idle and failed origins after the change",
    attempts: [...calm, ...fleet(60, "idle", newCa), ...fleet(61, "origin-failed", newCa)],
    fault: false,
  },
  { name: "nothing", attempts: [], fault: false },
]

t.test("a sensor fault is a rise of refusals across the fleet after our own change", async (t) => {
  for (const { name, attempts, fault } of rows) {
    t.equal(sensorFault(attempts) !== null, fault, name)
    t.strictSame(sensorFault([...attempts].reverse()), sensorFault(attempts), `${name}: any order`)
  }
})

t.test("a change at one sensor does not blame another", async (t) => {
  const other = fleet(60, "refused-alert", { ...newCa, sensor_id: "s2" })
  t.equal(sensorFault([...calm, ...other]), null)
})

t.test("the fault becomes a finding that pages the operator", async (t) => {
  const fault = sensorFault([...calm, ...fleet(60, "refused-alert", newCa)])
  if (!fault) throw new Error("no fault")
  const finding = sensorFaultFinding(fault)
  t.strictSame(Finding.parse(finding), finding)
  t.match(finding, { analytic: "sensor-fault", confidence: "high", state: "open" })
  t.match(finding.reasons[0], /0 % to 100 %.*3 devices, 3 destinations/)
})

import t from "tap"
import {
  faultKey,
  isSilenced,
  sensorFaultFinding,
  sensorFaults,
} from "../../src/analytics/sensor-fault.ts"
import type { Attempt } from "../../src/record/attempt.ts"
import { Finding } from "../../src/record/finding.ts"
import { attempt, by, ca2, dayStart, MINUTE, someone } from "../support/records.ts"

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
    t.equal(sensorFaults(attempts).length, fault ? 1 : 0, name)
    const backwards = sensorFaults([...attempts].reverse())
    t.strictSame(backwards, sensorFaults(attempts), `${name}: any order`)
  }
})

t.test("a change at one sensor does not blame another", async (t) => {
  const other = fleet(60, "refused-alert", { ...newCa, sensor_id: "s2" })
  t.strictSame(sensorFaults([...calm, ...other]), [])
})

t.test("two sensors at fault are two faults, each of its own last refusal", async (t) => {
  const at = (sensor_id: string, from: number) => [
    ...fleet(0, "accepted", { sensor_id }),
    ...fleet(from, "refused-alert", { ...newCa, sensor_id }),
    ...fleet(from + 1, "idle", { ...newCa, sensor_id }),
    ...fleet(from + 2, "accepted", { ...newCa, sensor_id }, { devices: 1, destinations: 1 }),
  ]
  const faults = sensorFaults([...at("s2", 50), ...at("s1", 60)])
  const minutes = (ms: number) => Math.round((ms - dayStart) / MINUTE)
  t.strictSame(
    faults.map(({ sensor_id, last_refused_ms }) => [sensor_id, minutes(last_refused_ms)]),
    [
      ["s1", 60],
      ["s2", 50],
    ],
  )
})

t.test("only refusals at the sensor at fault, in the epoch since its change, are silenced", (t) => {
  const faults = new Set([faultKey({ sensor_id: "s1", sensor_config: "c1", issuing_ca: ca2 })])
  const silenced = (outcome: Outcome, over: Partial<Attempt>) =>
    isSilenced([by(attempt("www.site0.example", 0, outcome, over))], faults)
  t.equal(silenced("refused-alert", newCa), true)
  t.equal(silenced("accepted", newCa), false, "an acceptance there")
  t.equal(silenced("refused-alert", {}), false, "before the change")
  t.equal(silenced("refused-alert", { ...newCa, sensor_id: "s2" }), false, "at another sensor")
  t.end()
})

t.test("the fault becomes a finding that pages the operator", async (t) => {
  const [fault] = sensorFaults([...calm, ...fleet(60, "refused-alert", newCa)])
  if (!fault) throw new Error("no fault")
  const finding = sensorFaultFinding(fault)
  t.strictSame(Finding.parse(finding), finding)
  t.match(finding, { analytic: "sensor-fault", confidence: "high", state: "open" })
  t.match(finding.reasons[0], /0 % to 100 %.*3 devices, 3 destinations/)
})

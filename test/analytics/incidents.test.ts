import fc from "fast-check"
import t from "tap"
import { incidentId, rollUp } from "../../src/analytics/incidents.ts"
import type { Finding, FindingLabel } from "../../src/record/finding.ts"
import { Incident } from "../../src/record/incident.ts"
import { label } from "../alert/samples.ts"
import { at, MINUTE, pinEvent, posture, who } from "../support/records.ts"
import { confirmedWorld, findTarget } from "./worlds.ts"

const writer = { site: "central", sensor_id: "correlator" }
const plain = findTarget(
  confirmedWorld(who(), { app_events: [pinEvent(MINUTE - 1)], postures: [posture()] }),
)

function finding(
  over: Partial<Finding> & { device_id?: string; app_id?: string | null } = {},
): Finding {
  if (!plain) throw new Error("the world gives no finding")
  const { device_id = "d1", app_id = plain.key.app_id, ...rest } = over
  return { ...plain, ...rest, key: { ...plain.key, device_id, app_id } }
}

t.test("findings of one app, domain and analytic over devices are one incident", async (t) => {
  const [incident, second] = rollUp(
    [
      finding({ id: "f1", confidence: "medium", severity: "medium" }),
      finding({ id: "f2", device_id: "d2", confidence: "high", severity: "high" }),
      finding({ id: "f3", device_id: "d2", first_seen: at(0), confidence: "low" }),
    ],
    [],
    writer,
  )
  t.equal(second, undefined)
  t.match(incident, {
    ...writer,
    state: "open",
    confidence: "high",
    severity: "high",
    device_count: 2,
    device_ids: ["d2", "d1"],
    finding_ids: ["f3", "f1", "f2"],
    lead_finding: "f2",
    first_seen: at(0),
    app_id: "com.example.bank",
    stack: null,
    registrable_domain: "bank.example",
  })
  t.strictSame(Incident.parse(incident), incident)
})

t.test("tenant, app or stack, domain and analytic each make another incident", async (t) => {
  const all = [
    finding(),
    finding({ tenant: "t2" }),
    finding({ app_id: "org.other" }),
    finding({ app_id: null }),
    finding({ registrable_domain: "other.example" }),
    finding({ analytic: "AN1726" }),
  ]
  t.equal(new Set(all.map(incidentId)).size, all.length)
  t.equal(incidentId(finding({ device_id: "d9", verdict: "probable" })), incidentId(finding()))
})

t.test("the surest leads, then what is not expected, then the earliest", async (t) => {
  const lead = (...findings: Finding[]) => rollUp(findings, [], writer)[0]?.lead_finding
  t.equal(
    lead(
      finding({ id: "a", first_seen: at(2), confidence: "medium" }),
      finding({ id: "b", first_seen: at(1), confidence: "medium" }),
    ),
    "b",
  )
  t.equal(
    lead(
      finding({ id: "a", first_seen: at(1), confidence: "record", expected: true }),
      finding({ id: "b", first_seen: at(2), confidence: "record" }),
    ),
    "b",
  )
})

t.test("an incident is open while a finding is open or held, and then closed", async (t) => {
  const state = (...states: Finding["state"][]) =>
    rollUp(
      states.map((each, index) =>
        finding({ id: `f${index}`, device_id: `d${index}`, state: each }),
      ),
      [],
      writer,
    )[0]
  t.equal(state("closed", "held")?.state, "open")
  t.equal(
    state("closed", "open")?.device_count,
    1,
    "closed findings are not counted while it is open",
  )
  t.equal(state("closed", "closed")?.state, "closed")
  t.equal(state("closed", "closed")?.device_count, 2)
})

t.test("an incident remembers when it began, and is the same for any order", async (t) => {
  const [before] = rollUp([finding({ first_seen: at(0) })], [], writer)
  const [after] = rollUp([finding({ first_seen: at(9) })], before ? [before] : [], writer)
  t.equal(after?.first_seen, at(0))
  t.equal(after?.id, before?.id)
  const findings = ["a", "b", "c", "d"].map((id, index) =>
    finding({ id, device_id: `d${index % 2}`, first_seen: at(index % 2) }),
  )
  const expected = rollUp(findings, [], writer)
  fc.assert(
    fc.property(fc.shuffledSubarray(findings, { minLength: 4 }), (shuffled) => {
      t.strictSame(rollUp(shuffled, [], writer), expected)
    }),
    { numRuns: 20 },
  )
})

t.test("at most 100 devices and findings are listed, all are counted", async (t) => {
  const many = Array.from({ length: 150 }, (_, index) =>
    finding({ id: `f${index}`, device_id: `d${index}` }),
  )
  const [incident] = rollUp(many, [], writer)
  t.equal(incident?.device_count, 150)
  t.equal(incident?.device_ids.length, 100)
  t.equal(incident?.finding_ids.length, 100)
})

const marked = (over: Partial<FindingLabel> = {}) => ({ label: label(over) })
const rolled = (...findings: Finding[]) => rollUp(findings, [], writer)[0]
const open = { state: "open" } as const

const underLabels: [string, Finding[], Partial<Incident>][] = [
  [
    "all are silenced: it is closed, and says of whom it was",
    [finding({ id: "a", ...marked() }), finding({ id: "b", ...marked({ label: "wrong" }) })],
    { state: "closed", finding_ids: ["a", "b"] },
  ],
  [
    "some are silenced: the level is that of the others, and all are listed",
    [
      finding({ id: "a", confidence: "high", severity: "high", ...marked() }),
      finding({ id: "b", device_id: "d2", confidence: "low", severity: "low" }),
    ],
    {
      ...open,
      confidence: "low",
      severity: "low",
      lead_finding: "b",
      device_count: 1,
      finding_ids: ["b", "a"],
    },
  ],
  [
    "one is lowered: it counts a step less",
    [finding({ confidence: "high", severity: "high", ...marked({ standing: "lowered" }) })],
    { ...open, confidence: "medium", severity: "medium" },
  ],
  [
    "one became different under its label: it counts in full, and leads its equals",
    [
      finding({ id: "a", confidence: "medium" }),
      finding({ id: "b", confidence: "medium", ...marked({ standing: "reopened" }) }),
    ],
    { ...open, confidence: "medium", lead_finding: "b" },
  ],
  [
    "one is called malicious: it leads, severer, and no less sure than the surest",
    [
      finding({ id: "a", confidence: "high", severity: "high" }),
      finding({ id: "b", confidence: "low", severity: "low", ...marked({ label: "malicious" }) }),
    ],
    { ...open, confidence: "high", severity: "high", lead_finding: "b" },
  ],
  [
    "one is called malicious, though it is expected: it is open",
    [
      finding({
        confidence: "record",
        severity: "informational",
        expected: true,
        ...marked({ label: "malicious" }),
      }),
    ],
    { ...open, confidence: "record", severity: "high" },
  ],
]
for (const [name, findings, incident] of underLabels)
  t.test(`where ${name}`, async (t) => {
    t.match(rolled(...findings), incident)
    t.strictSame(rolled(...findings.toReversed()), rolled(...findings))
  })

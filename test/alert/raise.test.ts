import t from "tap"
import { AlertState, type Raised, raise } from "../../src/alert/raise.ts"
import { AlertSettings } from "../../src/alert/settings.ts"
import { Alert } from "../../src/record/alert.ts"
import type { Finding, FindingLabel } from "../../src/record/finding.ts"
import type { Incident } from "../../src/record/incident.ts"
import { finding, incident, label } from "./samples.ts"

const HOUR = 3_600_000
const device = () => ({
  user: "ana",
  client_ip: "10.1.2.3",
  binding: { binding_id: "lease-7", losers: ["hint-3"] },
})

/** One evaluation: what changed of the incident, at which hour, and the news expected, if any. */
interface Step {
  at: number
  is?: Partial<Incident>
  lead?: Partial<Finding>
  news: Alert["news"] | null
}

const medium = { confidence: "medium" } as const
const high = { confidence: "high" } as const
const low = { confidence: "low" } as const
const closed = { state: "closed" } as const

function reopened(...signs: FindingLabel["signs"]): Partial<Finding> {
  return { label: label({ standing: "reopened", signs }) }
}

const stories: Record<string, Step[]> = {
  "an incident at the minimum confidence is opened": [{ at: 0, news: "opened" }],
  "below the minimum nothing is sent": [
    { at: 0, is: low, news: null },
    { at: 1, is: { confidence: "record" }, news: null },
    { at: 2, is: { ...low, ...closed }, news: null },
  ],
  "what is unchanged is not told again, not even after the window": [
    { at: 0, news: "opened" },
    { at: 1, news: null },
    { at: 100, news: null },
  ],
  "more confidence is an escalation and is told at once": [
    { at: 0, news: "opened" },
    { at: 1, is: high, news: "raised" },
    { at: 2, is: high, news: null },
  ],
  "more severity is an escalation too": [
    { at: 0, news: "opened" },
    { at: 1, is: { severity: "critical" }, news: "raised" },
  ],
  "less confidence is told while it stays above the minimum": [
    { at: 0, is: high, news: "opened" },
    { at: 1, is: medium, news: "lowered" },
    { at: 2, is: medium, news: null },
  ],
  "a fall below the minimum is told once, and then the closing": [
    { at: 0, news: "opened" },
    { at: 1, is: low, news: "lowered" },
    { at: 2, is: { confidence: "record" }, news: null },
    { at: 3, is: { ...low, ...closed }, news: "closed" },
    { at: 4, is: { ...low, ...closed }, news: null },
  ],
  "flapping gives one alert up and one down within the window": [
    { at: 0, news: "opened" },
    { at: 1, is: low, news: "lowered" },
    { at: 2, news: null },
    { at: 3, is: low, news: null },
    { at: 4, news: null },
    { at: 24, news: "raised" },
  ],
  "an incident that reopens is told when its window is over": [
    { at: 0, news: "opened" },
    { at: 1, is: closed, news: "closed" },
    { at: 2, news: null },
    { at: 25, news: "opened" },
  ],
  "an incident that reopens at a higher level is told at once": [
    { at: 0, news: "opened" },
    { at: 1, is: closed, news: "closed" },
    { at: 2, is: high, news: "opened" },
  ],
  "more devices are told once a window": [
    { at: 0, news: "opened" },
    { at: 1, is: { device_count: 2 }, news: null },
    { at: 25, is: { device_count: 7 }, news: "raised" },
    { at: 26, is: { device_count: 8 }, news: null },
    { at: 48, is: { device_count: 8 }, news: null },
    { at: 49, is: { device_count: 8 }, news: "raised" },
    { at: 99, is: { device_count: 8 }, news: null },
  ],
  "fewer devices are no news": [
    { at: 0, is: { device_count: 9 }, news: "opened" },
    { at: 50, is: { device_count: 3 }, news: null },
  ],
  "a probable pin that becomes confirmed at the same level is news, and once": [
    { at: 0, lead: { verdict: "probable" }, news: "opened" },
    { at: 1, news: "raised" },
    { at: 2, news: null },
    { at: 3, lead: { verdict: "probable" }, news: null },
    { at: 4, news: null },
  ],
  "a marked incident is closed, and drift opens it again at once, each sign once": [
    { at: 0, news: "opened" },
    { at: 1, is: closed, lead: { label: label() }, news: "closed" },
    { at: 2, is: closed, lead: { label: label() }, news: null },
    { at: 3, lead: reopened("signer"), news: "opened" },
    { at: 4, lead: reopened("signer"), news: null },
    { at: 5, lead: reopened("signer", "volume"), news: "raised" },
    { at: 6, lead: reopened("volume"), news: null },
    { at: 7, is: closed, lead: { label: label() }, news: "closed" },
    { at: 8, lead: reopened("signer"), news: null },
  ],
  "a label that was taken back, or has ended, opens what it closed at once": [
    { at: 0, news: "opened" },
    { at: 1, is: closed, lead: { label: label() }, news: "closed" },
    { at: 2, news: "opened" },
    { at: 3, is: closed, lead: { label: label({ label_id: "l-2" }) }, news: "closed" },
    { at: 4, lead: { label: label({ label_id: "l-2", standing: "expired" }) }, news: "opened" },
    { at: 5, lead: { label: label({ label_id: "l-2", standing: "expired" }) }, news: null },
  ],
  "what a person calls malicious is told though it is expected and below the minimum": [
    { at: 0, is: low, news: null },
    {
      at: 1,
      is: low,
      lead: { expected: true, label: label({ label: "malicious" }) },
      news: "opened",
    },
    {
      at: 2,
      is: { ...low, ...closed },
      lead: { label: label({ label: "malicious" }) },
      news: "closed",
    },
  ],
  "an expected finding never opens an alert": [
    { at: 0, is: high, lead: { expected: true }, news: null },
    { at: 1, is: high, lead: { expected: true }, news: null },
  ],
  "what the operator declares as expected later is closed, and stays silent": [
    { at: 0, is: high, news: "opened" },
    { at: 1, is: high, lead: { expected: true }, news: "closed" },
    { at: 2, is: { ...high, device_count: 5 }, lead: { expected: true }, news: null },
  ],
}

for (const [name, steps] of Object.entries(stories)) {
  t.test(name, async (t) => {
    for (const [index, { step, alert, state }] of run(steps).entries()) {
      t.equal(alert?.news ?? null, step.news, `step ${index} at ${step.at} h`)
      t.same(AlertState.parse(JSON.parse(JSON.stringify(state))), state, "the state can be stored")
      if (alert) Alert.parse(alert)
    }
  })
}

t.test(
  "a state from before verdicts and labels were kept is understood, and makes no news",
  async (t) => {
    const opened = evaluate({ at: 0, news: "opened" }, null).state
    const { closed_by: _, reopened: __, held: ___, told, recent, ...rest } = opened
    const { verdict: ____, ...toldThen } = told ?? {}
    const old = { ...rest, told: toldThen, recent: recent.map(({ proven: _____, ...one }) => one) }
    const read = AlertState.parse(JSON.parse(JSON.stringify(old)))
    t.equal(evaluate({ at: 1, news: null }, read).alert, null)
    t.equal(evaluate({ at: 2, is: high, news: "raised" }, read).alert?.news, "raised")
  },
)

t.test("the alert says what a person said, before all reasons", async (t) => {
  const { alert } = evaluate({ at: 0, lead: reopened("signer"), news: "opened" }, null)
  t.match(alert?.reasons[0], /^Marked expected .* by ana@desk/)
  t.match(alert?.label, { label_id: "l-1", standing: "reopened", signs: ["signer"] })
})

t.test("the minimum confidence is a setting", async (t) => {
  const settings = AlertSettings.parse({ "minimum-confidence": "high" })
  t.equal(evaluate({ at: 0, is: medium, news: null }, null, settings).alert, null)
  t.equal(evaluate({ at: 0, is: high, news: null }, null, settings).alert?.news, "opened")
})

t.test("the same news computed again has the same id, whenever that is", async (t) => {
  const first = evaluate({ at: 0, news: "opened" }, null)
  const again = evaluate({ at: 7, news: "opened" }, null)
  t.match(first.alert?.id, /^[0-9a-f]{32}$/)
  t.same(again.alert, first.alert)
  const raised = evaluate({ at: 1, is: high, news: "raised" }, first.state)
  const repeated = evaluate({ at: 9, is: high, news: "raised" }, first.state)
  t.same(repeated.alert, raised.alert)
})

t.test("a climb in one step or in two ends in the same generation", async (t) => {
  const steps = run([
    { at: 0, news: "opened" },
    { at: 1, is: high, news: "raised" },
    { at: 2, is: { ...high, ...closed }, news: "closed" },
  ])
  const direct = run([
    { at: 0, is: high, news: "opened" },
    { at: 2, is: { ...high, ...closed }, news: "closed" },
  ])
  t.equal(steps.at(-1)?.alert?.id, direct.at(-1)?.alert?.id)
})

t.test("new pieces of news never share an id, whatever the order of levels", async (t) => {
  const levels: Partial<Incident>[] = [
    { confidence: "medium", severity: "medium" },
    { confidence: "high", severity: "low" },
    { confidence: "medium", severity: "critical" },
    { confidence: "high", severity: "low" },
    { confidence: "medium", severity: "critical" },
    { confidence: "low", severity: "low" },
    { confidence: "medium", severity: "medium" },
    { confidence: "high", severity: "low", device_count: 4 },
    { confidence: "high", severity: "low", device_count: 9 },
    { state: "closed" },
    { confidence: "medium", severity: "medium" },
    { confidence: "high", severity: "low" },
    { confidence: "medium", severity: "low" },
    { confidence: "high", severity: "low" },
    { state: "closed" },
  ]
  const told = run(levels.map((is, index) => ({ at: index * 48, is, news: null })))
  const ids = told.flatMap(({ alert }) => (alert ? [alert.id] : []))
  t.ok(ids.length >= 14, `${ids.length} pieces of news`)
  t.equal(new Set(ids).size, ids.length)
})

t.test("incidents of two tenants never share an id", async (t) => {
  const ours = evaluate({ at: 0, news: "opened" }, null).alert?.id
  const theirs = evaluate({ at: 0, is: { tenant: "other" }, news: "opened" }, null).alert?.id
  t.not(ours, theirs)
})

t.test("suppressed news says when it falls due, so that it is not forgotten", async (t) => {
  const opened = evaluate({ at: 0, news: "opened" }, null)
  t.equal(opened.state.revisit_at_ms, null)
  const grown = evaluate({ at: 3, is: { device_count: 4 }, news: null }, opened.state)
  t.equal(grown.state.revisit_at_ms, 24 * HOUR)
  t.match(grown.why, "raised is suppressed")
  t.equal(
    evaluate({ at: 24, is: { device_count: 4 }, news: "raised" }, grown.state).alert?.device_count,
    4,
  )
  t.equal(evaluate({ at: 4, news: null }, grown.state).state.revisit_at_ms, null, "no longer owed")
})

t.test(
  "what a clock told that was days ahead suppresses nothing once it is set right",
  async (t) => {
    const opened = evaluate({ at: 100, is: high, news: "opened" }, null)
    const fell = evaluate({ at: 101, is: medium, news: "lowered" }, opened.state)
    const again = evaluate({ at: 102, is: high, news: null }, fell.state)
    t.match(again.why, "suppressed")
    evaluate({ at: 2, is: high, news: "raised" }, again.state)
  },
)

t.test("an alert's time is the event's, and its words are the lead finding's", async (t) => {
  const { alert } = evaluate(
    {
      at: 1_000,
      is: { last_seen: "2026-11-21T05:06:07.008Z" },
      lead: { evidence_ids: Array.from({ length: 50 }, (_, index) => `attempt-${index}`) },
      news: "opened",
    },
    null,
  )
  t.match(alert, {
    observed_at: "2026-11-21T05:06:07.008Z",
    user: "ana",
    client_ip: "10.1.2.3",
    binding: { binding_id: "lease-7", losers: ["hint-3"] },
    verdict: "confirmed",
    finding_id: "finding-1",
    channels: [{ channel: "Flow", state: "met" }],
  })
  t.equal(alert?.evidence_ids.length, 20)
  t.notOk(alert?.channels.some((channel) => "evidence_ids" in channel))
})

t.test("the levels remembered stay bounded under any flapping", async (t) => {
  const { options: confidences } = Alert.shape.confidence
  const { options: severities } = Alert.shape.severity
  const steps = Array.from({ length: 300 }, (_, at) => ({
    at: at / 100,
    is: {
      confidence: confidences[(at * 7) % confidences.length],
      severity: severities[(at * 3) % severities.length],
      state: at % 11 === 0 ? "closed" : "open",
    } as Partial<Incident>,
    news: null,
  }))
  const all = run(steps)
  t.ok(all.every(({ state }) => state.recent.length <= 40))
  t.ok(all.filter(({ alert }) => alert).length <= 60, "and so does the number of alerts")
})

function evaluate(
  step: Step,
  previous: AlertState | null,
  settings = AlertSettings.parse({}),
): Raised {
  return raise({
    incident: incident(step.is),
    lead: finding(step.lead),
    device,
    previous,
    settings,
    now: step.at * HOUR,
  })
}

function run(steps: readonly Step[]): (Raised & { step: Step })[] {
  let previous: AlertState | null = null
  return steps.map((step) => {
    const raised = evaluate(step, previous)
    previous = raised.state
    return { step, ...raised }
  })
}

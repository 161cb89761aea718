/** How many alerts a day a desk gets, and what becomes of the others. */
import fc from "fast-check"
import t from "tap"
import { BudgetState, withinBudget } from "../../src/alert/budget.ts"
import { AlertState, raise } from "../../src/alert/raise.ts"
import { syslogMessage } from "../../src/alert/rfc5424.ts"
import { AlertSettings, SyslogSettings } from "../../src/alert/settings.ts"
import { Alert } from "../../src/record/alert.ts"
import type { Finding } from "../../src/record/finding.ts"
import type { Incident } from "../../src/record/incident.ts"
import { finding, incident, label } from "./samples.ts"

const minute = 60_000
const hour = 60 * minute
const midnight = Date.parse("2026-11-21T00:00:00.000Z")
const writer = { site: "central", sensor_id: "correlator" }

interface News {
  id: string
  is?: Partial<Incident>
  lead?: Partial<Finding>
}

/** A store of states, kept as JSON as the real one does; and looks at incidents, as passes of the correlator. */
function desk(budget: number | null) {
  const incidents = new Map<string, string>()
  let states: { tenant: string; state: BudgetState }[] = []
  const settings = AlertSettings.parse({ budget })
  return {
    settings,
    incidents,
    look(now: number, ...news: News[]) {
      const candidates = news.map(({ id, is, lead }) => {
        const one = incident({ id, registrable_domain: `${id}.example`, ...is })
        const stored = incidents.get(id)
        const previous = stored === undefined ? null : AlertState.parse(JSON.parse(stored))
        const the = finding(lead)
        const device = () => ({ user: null, client_ip: null, binding: null })
        const raised = raise({ incident: one, lead: the, device, previous, settings, now })
        return { incident: one, lead: the, raised }
      })
      const done = withinBudget({ candidates, states, settings, writer, now })
      for (const each of done.incidents) {
        AlertState.parse(each.raised.state)
        incidents.set(each.incident.id, JSON.stringify(each.raised.state))
      }
      const kept = new Map(states.map((each) => [each.tenant, each]))
      for (const each of done.states) kept.set(each.tenant, each)
      states = [...kept.values()].map(({ tenant, state }) => ({
        tenant,
        state: BudgetState.parse(JSON.parse(JSON.stringify(state))),
      }))
      const alerts = done.incidents.flatMap(({ raised }) => raised.alert ?? [])
      for (const alert of [...alerts, ...done.digests]) Alert.parse(alert)
      const of = (state: Alert["state"]) =>
        alerts.filter((alert) => alert.state === state).map((alert) => alert.incident_id)
      return {
        sent: of("sent"),
        held: of("held"),
        alerts,
        digests: done.digests,
        spent: done.spent,
      }
    },
    /** Incidents whose news is owed by then. */
    due(now: number): string[] {
      return [...incidents].flatMap(([id, state]) => {
        const { revisit_at_ms } = AlertState.parse(JSON.parse(state))
        return revisit_at_ms !== null && revisit_at_ms <= now ? [id] : []
      })
    },
  }
}

const named = (...ids: string[]): News[] => ids.map((id) => ({ id }))

t.test("beyond the budget medium alerts wait, and the first one that does is told of", (t) => {
  const { look } = desk(2)
  const { sent, held, spent } = look(midnight + hour, ...named("a", "b", "c", "d"))
  t.strictSame(
    [sent, held],
    [
      ["a", "b"],
      ["c", "d"],
    ],
  )
  t.strictSame(spent, [{ tenant: "acme", day: "2026-11-21", budget: 2 }])
  t.strictSame(look(midnight + 2 * hour, ...named("e")).spent, [], "once a day")
  t.end()
})

const passing: [string, News][] = [
  ["of high confidence", { id: "x", is: { confidence: "high" } }],
  ["of high severity", { id: "x", is: { severity: "high" } }],
  ["that is critical", { id: "x", is: { severity: "critical" } }],
  ["about the sensor itself", { id: "x", is: { analytic: "sensor-fault" } }],
  ["that a person calls malicious", { id: "x", lead: { label: label({ label: "malicious" }) } }],
]
for (const [name, news] of passing)
  t.test(`an alert ${name} always passes`, (t) => {
    const { look } = desk(1)
    look(midnight, ...named("a"))
    t.strictSame(look(midnight + minute, news).sent, ["x"])
    t.end()
  })

t.test("what takes something off the desk passes, and costs nothing", (t) => {
  const { look } = desk(2)
  look(midnight, ...named("a"))
  const closing = look(midnight + minute, { id: "a", is: { state: "closed" } })
  t.match(closing.alerts, [{ news: "closed", state: "sent" }])
  t.strictSame(look(midnight + 2 * minute, ...named("b")).sent, ["b"])
  t.end()
})

t.test("what was held is never closed outside: nobody knew of it", (t) => {
  const { look } = desk(1)
  look(midnight, ...named("a", "b"))
  t.strictSame(look(midnight + minute, { id: "b", is: { state: "closed" } }).alerts, [])
  t.end()
})

t.test("without a budget nothing waits", (t) => {
  const { look } = desk(null)
  const ids = Array.from({ length: 200 }, (_, n) => `i${n}`)
  t.equal(look(midnight, ...named(...ids)).sent.length, 200)
  t.end()
})

t.test("tenants have budgets of their own", (t) => {
  const { look } = desk(1)
  look(midnight, ...named("a", "b"))
  t.strictSame(look(midnight, { id: "c", is: { tenant: "other" } }).sent, ["c"])
  t.end()
})

t.test("a digest tells of what is held once an hour, and at the end of the day", (t) => {
  const { look } = desk(1)
  const at = midnight + 20 * hour
  look(at, ...named("a", "b"), { id: "c", is: { registrable_domain: "b.example" } })
  t.strictSame(look(at + 59 * minute, ...named("d")).digests, [])
  const [digest, ...more] = look(at + hour).digests
  t.strictSame(more, [])
  t.match(digest, {
    news: "digest",
    analytic: "alert-budget",
    confidence: "medium",
    tenant: "acme",
    ...writer,
    digest: {
      day: "2026-11-21",
      budget: 1,
      sent: 1,
      held: 3,
      by_analytic: [{ name: "AN1725", count: 3 }],
      by_app: [{ name: "com.example.bank", count: 3 }],
      by_domain: [
        { name: "b.example", count: 2 },
        { name: "d.example", count: 1 },
      ],
      incident_ids: ["b", "c", "d"],
    },
  })
  t.equal(digest?.digest?.alert_ids.length, 3)
  t.strictSame(look(at + 3 * hour).digests, [], "nothing was held since")
  look(at + 3 * hour, ...named("e"))
  const end = look(midnight + 24 * hour)
  t.match(end.digests, [{ digest: { day: "2026-11-21", held: 1, incident_ids: ["e"] } }])
  t.not(end.digests[0]?.id, digest?.id)
  t.equal(end.digests[0]?.incident_id, digest?.incident_id, "one case a day")
  t.end()
})

t.test("the same news held again in a day is counted and told once", (t) => {
  const { look } = desk(1)
  look(midnight, ...named("a", "b"))
  const again = look(midnight + minute, ...named("b"))
  t.strictSame(again.held, ["b"])
  t.match(look(midnight + hour).digests, [{ digest: { held: 1 } }])
  t.end()
})

t.test("with a new day what waited goes out, and leaves half of the budget to what is new", (t) => {
  const { look, due } = desk(4)
  look(midnight, ...named("a", "b", "c", "d", "e", "f", "g"))
  t.strictSame(due(midnight + 23 * hour), [])
  const next = midnight + 24 * hour
  t.strictSame(due(next), ["e", "f", "g"])
  const then = look(next, ...named(...due(next)))
  t.strictSame([then.sent, then.held], [["e", "f"], ["g"]])
  t.match(then.alerts, [{ news: "opened" }, { news: "opened" }, { news: "opened" }])
  t.strictSame(look(next + hour, ...named("x", "y", "z")).sent, ["x", "y"])
  t.end()
})

t.test(
  "what is held has an id of its own, so that the alert that goes out later is no repetition",
  (t) => {
    const { look, due } = desk(1)
    const [, held] = look(midnight, ...named("a", "b")).alerts
    const next = midnight + 24 * hour
    const [sent] = look(next, ...named(...due(next))).alerts
    t.match([held?.state, sent?.state], ["held", "sent"])
    t.not(held?.id, sent?.id)
    t.end()
  },
)

t.test("a clock that is set back does not silence the digest", (t) => {
  const { look } = desk(1)
  look(midnight + 10 * hour, ...named("a", "b"))
  t.equal(look(midnight + 2 * hour).digests.length, 1)
  t.end()
})

t.test("a day that a clock begins twice has digests of its own each time", (t) => {
  const { look } = desk(1)
  look(midnight, ...named("a", "b"))
  const [first] = look(midnight + 2 * hour).digests
  look(midnight - hour)
  look(midnight + hour, ...named("c", "d"))
  const [second] = look(midnight + 3 * hour).digests
  t.ok(first && second)
  t.not(first?.id, second?.id)
  t.end()
})

t.test("no news is lost: all that opened is sent by the end, however it comes", (t) => {
  fc.assert(
    fc.property(
      fc.integer({ min: 1, max: 5 }),
      fc.array(fc.array(fc.integer({ min: 0, max: 30 }), { maxLength: 8 }), { maxLength: 20 }),
      (budget, passes) => {
        const { look, due } = desk(budget)
        const told = new Set<string>()
        const perDay = new Map<string, number>()
        let now = midnight
        const pass = (ids: readonly string[]) => {
          const day = new Date(now).toISOString().slice(0, 10)
          const { sent } = look(now, ...named(...new Set(ids)))
          for (const id of sent) told.add(id)
          perDay.set(day, (perDay.get(day) ?? 0) + sent.length)
        }
        for (const ids of passes) {
          pass([...ids.map((n) => `i${n}`), ...due(now)])
          now += 5 * hour
        }
        for (let days = 0; days < 40; days++, now += 24 * hour) pass(due(now))
        t.strictSame([...told].sort(), [...new Set(passes.flat().map((n) => `i${n}`))].sort())
        t.ok([...perDay.values()].every((count) => count <= budget))
      },
    ),
    { numRuns: 40 },
  )
  t.end()
})

t.test("a digest is a syslog message like the others, cut where it is too long", (t) => {
  const { look } = desk(1)
  const apps = Array.from({ length: 300 }, (_, n) => `com.example.${"long".repeat(20)}.${n}`)
  look(
    midnight,
    ...apps.map((app, n) => ({
      id: `incident-${n}`,
      lead: { key: { ...finding().key, app_id: app } },
      is: { registrable_domain: `${"d".repeat(60)}${n}.example` },
    })),
  )
  const [digest] = look(midnight + hour).digests
  if (!digest) return t.fail("no digest")
  t.strictSame(
    [digest.digest?.held, digest.digest?.by_app.length, digest.digest?.incident_ids.length],
    [299, 20, 100],
  )
  const origin = { hostname: "sensor-1", procid: "1" }
  for (const transport of ["tcp", "udp"] as const) {
    const settings = SyslogSettings.parse({ transport, host: "log.example" })
    const text = syslogMessage(digest, settings, origin).toString()
    t.ok(Buffer.byteLength(text) <= settings["max-bytes"], transport)
    t.match(
      text,
      /^<132>1 2026-11-21T01:00:00\.000Z sensor-1 pinsensor 1 alert-budget \[pinsensor@32473 /,
    )
    t.match(text, / news="digest" .* held="299"\] \{"record":"alert","truncated":true/)
    const body = JSON.parse(text.slice(text.indexOf("] {") + 2))
    t.match(body.digest, { held: 299, by_analytic: [{ name: "AN1725", count: 299 }] }, transport)
  }
  t.end()
})

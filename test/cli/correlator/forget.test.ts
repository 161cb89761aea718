/** What the operator does not want to keep goes, a little at a time; without a word nothing goes. */
import t from "tap"
import { Forget } from "../../../src/cli/correlator/forget.ts"
import { openStore } from "../../../src/evidence/open.ts"
import { RetentionSettings } from "../../../src/evidence/retention-settings.ts"
import { alert, finding, incident } from "../../alert/samples.ts"
import { newDir } from "../../evidence/fixtures.ts"
import { attempt, dayStart, HOUR, SECOND } from "../../support/records.ts"

const DAY = 24 * HOUR
const now = dayStart + 100 * DAY

function given(t: { teardown(act: () => void): void }, retention: object) {
  const store = openStore(newDir(t))
  t.teardown(() => store.close())
  const old = Array.from({ length: 1_200 }, (_, nth) =>
    attempt("old.example", nth * SECOND, "accepted"),
  )
  const young = attempt("young.example", 99 * DAY, "accepted")
  store.append("attempts", [...old, young])
  const told: object[] = []
  const forget = new Forget(store, RetentionSettings.parse(retention), (_, event, fields) =>
    told.push({ event, ...fields }),
  )
  return { forget, told, left: () => [...store.all("attempts")].length, young, store }
}

/** A step a second, as the correlator takes them. */
function pass(forget: Forget, seconds: number): void {
  for (let second = 0; second < seconds; second += 1) forget.step(now + second * SECOND)
}

t.test("without a word of the operator nothing is forgotten, however old", (t) => {
  const { forget, told, left } = given(t, {})
  pass(forget, 60)
  t.equal(left(), 1_201)
  t.same(told, [])
  t.end()
})

t.test("what is older than its retention goes, at most 500 records in a step", (t) => {
  const { forget, told, left, store, young } = given(t, { attempts: "30d" })
  pass(forget, 2)
  t.equal(left(), 701)
  pass(forget, 60)
  t.same(
    [...store.all("attempts")].map(({ id }) => id),
    [young.id],
  )
  t.same(told, [{ event: "records-forgotten", attempts: 1_200 }])
  t.end()
})

t.test("of judgements only what is closed goes, and of alerts what nobody waits for", (t) => {
  const keep = { findings: "30d", incidents: "30d", alerts: "30d", sightings: "30d" }
  const { forget, told, store } = given(t, keep)
  const then = { observed_at: new Date(dayStart).toISOString() }
  const states = ["open", "closed"] as const
  for (const state of states) {
    store.append("findings", [finding({ ...then, id: `f-${state}`, state })])
    store.append("incidents", [incident({ ...then, id: `i-${state}`, state })])
    for (const sent of ["sent", "waits"]) {
      const id = `al-${state}-${sent}`
      store.append("alerts", [alert({ ...then, id, incident_id: `i-${state}` })])
      store.enqueue(id, "sink", dayStart)
      if (sent === "sent") store.markSent(store.dueOutbox("sink", now, 99).at(-1)?.seq ?? 0, now)
    }
  }
  store.append("alerts", [alert({ id: "newest", observed_at: new Date(now).toISOString() })])
  store.sources.saw("intune", "acme", ["gone"], dayStart)
  store.sources.saw("intune", "acme", ["there"], now)
  const active = (device_id: string, traffic_ms: number) => ({ device_id, traffic_ms, event_ms: 1 })
  store.coverage.addActivity("acme", [active("gone", dayStart), active("there", now)])
  pass(forget, 60)
  const ids = (kind: "findings" | "incidents" | "alerts") =>
    [...store.all(kind)].map(({ id }) => id)
  t.same(ids("findings"), ["f-open"])
  t.same(ids("incidents"), ["i-open"])
  t.same(ids("alerts"), ["al-open-sent", "al-open-waits", "al-closed-waits", "newest"])
  t.same(
    store.sources.devicesSeen("acme").map(({ device_id }) => device_id),
    ["there"],
  )
  t.same(
    store.coverage.activity("acme").map(({ device_id }) => device_id),
    ["there"],
  )
  t.match(told, [{ findings: 1, incidents: 1, alerts: 1, sightings: 2 }])
  t.end()
})

import t from "tap"
import { isObserved, sightings } from "../../src/analytics/sighting.ts"
import {
  at,
  attempt,
  by,
  ca1,
  context,
  dayStart,
  evidence,
  flow,
  HOUR,
  MINUTE,
  who,
  zeekFlow,
} from "../support/records.ts"
import { settings, target } from "./worlds.ts"

const see = (over: Parameters<typeof evidence>[0]) =>
  sightings(evidence(over), context().now, settings)

t.test("sightings lie inside the window, once each, in the order of time", async (t) => {
  const now = 12 * HOUR
  const inside = [now, now - 1, now - 24 * HOUR + 1].map((ms) => by(attempt(target, ms, "idle")))
  const outside = [now + 1, now - 24 * HOUR].map((ms) => by(attempt(target, ms, "idle")))
  const { attempts } = see({ attempts: [...inside, ...outside, ...inside] })
  t.same(
    attempts.map((each) => each.start - dayStart),
    [now - 24 * HOUR + 1, now - 1, now],
  )
})

t.test("a sighting has its interval, its place, its program and its cut", async (t) => {
  const accepted = attempt(target, MINUTE, "accepted", { connect_user_agent: "Bank/7" })
  const open = { ...accepted, id: "open", phases: { ...accepted.phases, closed: null } }
  const { attempts, flows } = see({
    attempts: [by(accepted), by(open)],
    flows: [by(flow(target, 2 * MINUTE)), by(zeekFlow(target, 3 * MINUTE))],
  })
  t.match(attempts[0], {
    start: Date.parse(at(MINUTE)),
    end: Date.parse(at(MINUTE + 200)),
    destination: target,
    registrable: "bank.example",
    hasDomain: true,
    program: "Bank/7",
  })
  t.equal(attempts[1]?.end, Number.POSITIVE_INFINITY, "still open when it was recorded")
  t.equal(flows[0]?.end, Date.parse(at(2 * MINUTE + 2_000)))
  t.equal(flows[1]?.epoch.issuing_ca, ca1, "an import is of the epoch in force")
  t.equal(flows[1]?.cut, attempts[0]?.cut)
})

t.test("an app's only known version is its version", async (t) => {
  const versions = (...told: (string | null)[]) =>
    see({
      attempts: told.map((app_version, index) =>
        by(attempt(target, index, "idle"), who({ app_version })),
      ),
    }).attempts.map((each) => each.version)
  t.same(versions("7.1", null), ["7.1", "7.1"])
  t.same(versions("7.1", "7.2", null), ["7.1", "7.2", null])
  t.same(versions(null), [null])
})

t.test("only an app that was seen to connect is observed", async (t) => {
  const seen = see({
    attempts: [
      by(attempt(target, 1, "idle"), who()),
      by(attempt(target, 2, "idle"), who({ app: "inferred" })),
      by(attempt(target, 3, "idle"), who({ app: "observed", app_id: null })),
    ],
  })
  t.same(seen.attempts.map(isObserved), [true, false, false])
})

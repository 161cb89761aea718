import t, { type Test } from "tap"
import { AheadFlows } from "../../../src/cli/correlator/ahead-flows.ts"
import { replay } from "../../../src/cli/replay/replay.ts"
import type { Finding } from "../../../src/record/finding.ts"
import type { Flow } from "../../../src/record/flow.ts"
import { attempt, dayStart, flow, HOUR, MINUTE, zeekFlow } from "../../support/records.ts"
import { ControlledWorld, whose } from "./controlled-world.ts"

const address = "10.9.0.7"
const other = "10.9.0.8"

t.test("a flow of a tap waits until a sensor is within an hour of it", (t) => {
  const rows: [string, number | null, Flow, boolean][] = [
    ["a tap's within the hour", dayStart, zeekFlow("a.example", HOUR), false],
    ["a tap's beyond it", dayStart, zeekFlow("a.example", HOUR + 1), true],
    ["a tap's long ago", dayStart, zeekFlow("a.example", -HOUR), false],
    ["a sensor's own", dayStart, flow("a.example", 30 * HOUR), false],
    ["a tap's where no sensor told of anything", null, zeekFlow("a.example", 30 * HOUR), false],
  ]
  for (const [name, newest, one, expected] of rows) {
    const flows = new AheadFlows(newest)
    t.equal(flows.isAhead(one), expected, name)
    t.equal(flows.holds(one), expected, `${name}: held`)
  }
  const flows = new AheadFlows(dayStart, 2)
  for (const hours of [9, 5, 3]) t.ok(flows.holds(zeekFlow(`${hours}.example`, hours * HOUR)))
  const released = () => flows.release().map(({ sni }) => sni)
  t.strictSame(released(), [])
  flows.holds(attempt("a.example", 2 * HOUR, "accepted"))
  t.strictSame(released(), ["3.example"])
  flows.holds(flow("a.example", 20 * HOUR))
  t.strictSame(released(), ["5.example"], "of three in room for two the furthest ahead is gone")
  t.end()
})

/** A tap whose clock is more than a day ahead tells of a phone that refuses, before or after it has. */
function worldOf(t: Test, tapAt: "first" | "between" | "last" | null, restart: boolean) {
  const world = new ControlledWorld(t, { control: { mode: "off" } })
  world.phone("ann", address)
  const tapped = () => {
    const ms = world.now + 30 * HOUR - dayStart
    const over = { ...whose, id: "of a tap", client_ip: address }
    world.store.append("flows", [zeekFlow("www.other.example", ms, over)])
  }
  let correlator = world.correlator()
  world.attempt(other, "www.news.example", "accepted")
  if (tapAt === "first") tapped()
  world.settle(correlator)
  world.suspected(address)
  if (tapAt === "between") tapped()
  world.settle(correlator)
  if (restart) correlator = world.correlator()
  world.now += 10 * MINUTE
  world.suspected(address, "login.bank.example")
  world.settle(correlator)
  if (tapAt === "last") tapped()
  world.settle(correlator)
  if (restart) world.settle(world.correlator())
  return world
}

/** Ids of attempts are random; whose and what the findings are is not. */
function told(findings: Iterable<Finding>) {
  return [...findings]
    .map(({ analytic, key, state, verdict, refusals, last_seen }) =>
      [analytic, key.device_id, key.destination, state, verdict, refusals, last_seen].join(" "),
    )
    .sort()
}

t.test("a tap whose clock is more than a day ahead blinds no device, live and in replay", (t) => {
  const expected = told(worldOf(t, null, false).store.all("findings"))
  t.ok(expected.some((one) => one.includes("ann") && one.includes("open")))
  for (const tapAt of ["first", "between", "last"] as const)
    for (const restart of [false, true]) {
      const name = `the tap's flow ${tapAt}${restart ? ", with restarts" : ""}`
      const { store, config } = worldOf(t, tapAt, restart)
      t.strictSame(told(store.all("findings")), expected, name)
      const configs = [{ config, fromPhases: false }]
      const [lane] = replay({ store, configs, log: () => {} }).lanes
      t.strictSame(told(lane?.findings ?? []), expected, `${name}: replay`)
    }
  t.end()
})

t.test("what a tap saw while the sensors were silent counts when one is heard again", (t) => {
  const world = new ControlledWorld(t, { control: { mode: "off" } })
  world.phone("ann", address)
  const correlator = world.correlator()
  world.suspected(address)
  world.settle(correlator)
  world.now += 3 * HOUR
  const over = { ...whose, id: "around us", client_ip: address }
  world.store.append("flows", [zeekFlow("api.bank.example", world.now - dayStart, over)])
  world.settle(correlator)
  const hasIt = () =>
    [...world.store.all("findings")].some((one) => one.evidence_ids.includes("around us"))
  t.notOk(hasIt())
  world.attempt(other, "www.news.example", "accepted")
  world.settle(correlator)
  t.ok(hasIt())
  t.end()
})

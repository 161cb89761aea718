/** Sessions of ours that a tap saw, too, as those who count and learn see them. */
import t from "tap"
import { tellingFlows } from "../../../src/cli/correlator/telling-flows.ts"
import type { Flow } from "../../../src/record/flow.ts"
import { attempt, flow } from "../../support/records.ts"
import { ControlledWorld, minute, noon, target, whose } from "./controlled-world.ts"

const seen = (id: string, at: number, over: Partial<Flow> = {}): Flow =>
  flow(target, 0, {
    ...whose,
    id,
    observed_at: new Date(at).toISOString(),
    source: "zeek",
    splice_cause: null,
    control: true,
    client_ip: "10.1.0.9",
    client_port: 40_001,
    ...over,
  })

t.test("what a tap saw of a trial or of an inspected connection tells nothing of its own", (t) => {
  const { store, config } = new ControlledWorld(t)
  const ours = { ...whose, client_ip: "10.1.0.9" }
  const at = (ms: number) => ({ observed_at: new Date(ms).toISOString() })
  store.append("attempts", [
    attempt(target, 0, "accepted", { ...ours, ...at(noon), id: "a-1", client_port: 40_001 }),
  ])
  const trial = { source: "sensor", splice_cause: "trial", client_port: 40_002 } as const
  store.append("flows", [
    seen("f-trial", noon + 10 * minute, trial),
    seen("tap-attempt", noon + 1_000),
    seen("tap-trial", noon + 10 * minute + 1_000, { client_port: 40_002 }),
    seen("tap-direct", noon + 20 * minute, { client_port: 40_003 }),
  ])
  const flows = [...store.all("flows")]
  const telling = tellingFlows({ store, config }, flows)
  t.strictSame(
    flows.filter((each) => telling(each) !== null).map(({ id }) => id),
    ["f-trial", "tap-direct"],
  )
  t.end()
})

t.test("a tap's view of an inspected connection is not coverage's direct traffic", (t) => {
  const world = new ControlledWorld(t)
  world.phone("phone-1", "10.1.0.9")
  const correlator = world.correlator()
  const when = { observed_at: new Date(noon).toISOString() }
  const ours = { ...whose, ...when, client_ip: "10.1.0.9", client_port: 40_001 }
  world.store.append("attempts", [attempt(target, 0, "accepted", { ...ours, id: "a-1" })])
  world.store.append("flows", [seen("tap-1", noon + 1_000)])
  world.settle(correlator)
  const counts = world.store.coverage.countsBetween("acme", 0, noon * 2)
  t.equal(counts.get("all")?.connections, 1)
  t.notOk(counts.has("opaque:direct"))
  t.end()
})

import fc from "fast-check"
import t from "tap"
import { driftsIn } from "../../../src/policy/register/bypass-drift.ts"
import {
  BypassProfile,
  bypassOfFlow,
  emptyProfile,
  foldFlow,
  most,
} from "../../../src/policy/register/bypass-profile.ts"
import type { Flow } from "../../../src/record/flow.ts"
import { flow, HOUR } from "../../support/records.ts"

const spliced = (over: Partial<Flow>) => flow("api.example.org", 0, over)

const rows: [string, Partial<Flow>, string | null][] = [
  ["a learned entry", { splice_cause: "learned", register_entry: "e1", rule: "e1" }, "e1"],
  ["an operator's entry", { splice_cause: "operator", register_entry: "e2", rule: "e2" }, "e2"],
  ["a list", { splice_cause: "platform", register_entry: null, rule: "list:apple" }, "list:apple"],
  ["a rule", { splice_cause: "private", register_entry: null, rule: "clinic" }, "rule:clinic"],
  ["an expired CA", { splice_cause: "operator", register_entry: null, rule: "ca-expired" }, null],
  ["overload", { splice_cause: "overload", register_entry: null, rule: "overload" }, null],
  [
    "an origin that is no good",
    { splice_cause: "untrusted-origin", register_entry: null, rule: "default" },
    null,
  ],
  ["a trial, which lasts minutes", { splice_cause: "trial", register_entry: "t1" }, null],
  ["a session around us", { source: "zeek", splice_cause: null, register_entry: null }, null],
]

for (const [name, over, id] of rows)
  t.test(`the bypass of a flow is known by its id: ${name}`, (t) => {
    t.equal(bypassOfFlow(spliced(over)), id)
    t.end()
  })

/** Few values of each, so that first sights, evictions and days meet. */
const anyFlows = fc.uniqueArray(
  fc.record({
    id: fc.integer({ min: 0, max: 99_999 }),
    ms: fc.integer({ min: 0, max: 200 }).map((n) => n * 6 * HOUR),
    stack: fc.oneof(fc.constant(null), fc.integer({ min: 0, max: 50 }).map(String)),
    ip: fc.oneof(
      fc.integer({ min: 0, max: 14 }).map((n) => `203.${n}.113.9`),
      fc.integer({ min: 0, max: 3 }).map((n) => `2001:db${n}::1`),
    ),
    name: fc.integer({ min: 0, max: 10 }).map((n) => `${n}.example.org`),
    bytes: fc.integer({ min: 0, max: 900 }).map((n) => n * 2 ** 20),
  }),
  { selector: ({ id }) => id, minLength: 2, maxLength: 120 },
)

t.test("the profile and what differs in it are the same for any order of the flows", (t) => {
  const check = fc.property(anyFlows, fc.infiniteStream(fc.nat()), (given, dice) => {
    const flows = given.map(({ id, ms, stack, ip, name, bytes }) =>
      flow(name, ms, {
        id: `f${id}`,
        stack,
        destination_ip: ip,
        client_bytes: bytes,
        server_bytes: 0,
      }),
    )
    const keyed = flows.map((each) => ({ each, key: dice.next().value }))
    const shuffled = keyed.sort((a, b) => a.key - b.key).map(({ each }) => each)
    const [one, other] = [profileOf(flows), profileOf(shuffled)]
    t.strictSame(other, one)
    t.strictSame(driftsIn(other), driftsIn(one))
  })
  fc.assert(check, { numRuns: 60 })
  t.end()
})

t.test("however much flows, a profile stays small and can be stored", (t) => {
  const flows = Array.from({ length: 3_000 }, (_, n) =>
    flow(`${n}.example.org`, n * HOUR, {
      id: `flow-with-a-long-id-${n}`,
      stack: `t13d1516h2_8daaf6152771_${n}`,
      destination_ip: `10.${n % 256}.0.1`,
    }),
  )
  const profile = profileOf(flows)
  t.equal(profile.stacks.length, most.stacks)
  t.equal(profile.networks.length, most.networks)
  t.equal(profile.names.length, most.names)
  t.equal(profile.days.length, most.days)
  t.ok(JSON.stringify(profile).length < 24_000)
  t.strictSame(BypassProfile.parse(JSON.parse(JSON.stringify(profile))), profile)
  t.end()
})

t.test("neighbours in one network are one network", (t) => {
  const ips = ["203.0.113.9", "203.0.7.1", "::ffff:203.0.1.1", "2001:db8:1::1", "2001:db8:2::1"]
  const profile = profileOf(ips.map((ip, n) => flow("a.example", n, { destination_ip: ip })))
  t.strictSame(
    profile.networks.map(({ what }) => what),
    ["203.0.0.0/16", "2001:db8::/32"],
  )
  t.end()
})

function profileOf(flows: readonly Flow[]): BypassProfile {
  const profile = emptyProfile()
  for (const each of flows) foldFlow(profile, each, "d1")
  return profile
}

import t from "tap"
import {
  keysForRestart,
  policyChange,
  withPolicyOf,
} from "../../../src/cli/supervisor/config-change.ts"
import { type ConfigInput, loadConfig, policyRevision } from "../../../src/config.ts"

const config = (given: Partial<ConfigInput>) => loadConfig(null, { "sensor-id": "s", ...given })
const rule = (name: string, does: "inspect" | "block" = "block") => ({ name, do: does })
const nothing = {
  added: [],
  changed: [],
  removed: [],
  reordered: false,
  lists: [],
  control: [],
  privacy: [],
}
const before = config({
  rules: [rule("a"), rule("b"), rule("c")],
  lists: { banking: { hosts: ["*.bank.example"] } },
})

const rows: [
  name: string,
  after: Partial<ConfigInput>,
  change: Partial<typeof nothing> | object,
][] = [
  ["nothing", {}, {}],
  ["a rule added", { rules: [rule("d"), rule("a"), rule("b"), rule("c")] }, { added: ["d"] }],
  ["a rule removed", { rules: [rule("a"), rule("c")] }, { removed: ["b"] }],
  ["a rule changed", { rules: [rule("a"), rule("b", "inspect"), rule("c")] }, { changed: ["b"] }],
  ["rules in another order", { rules: [rule("b"), rule("a"), rule("c")] }, { reordered: true }],
  ["a list", { lists: { banking: { hosts: ["*.b.example"] } } }, { lists: ["banking"] }],
  [
    "a list more",
    { lists: { ...before.lists, legal: { hosts: ["a.example"] } } },
    { lists: ["legal"] },
  ],
  ["control", { control: { mode: "off", hold: "block" } }, { control: ["mode", "hold"] }],
]
for (const [name, given, change] of rows)
  t.test(`what of the policy changed: ${name}`, async (t) => {
    const after = config({ rules: before.rules as never, lists: before.lists, ...given })
    t.strictSame(policyChange(before, after), { ...nothing, ...change })
    t.equal(policyRevision(before) === policyRevision(after), name === "nothing")
    t.strictSame(keysForRestart(before, after), [], "none of it waits for a restart")
  })

t.test("what waits for a restart is named by its keys", async (t) => {
  const after = config({
    workers: 2,
    "allow-client": ["10.0.0.0/8"],
    limits: { "drain-time": "1s" },
    analytics: { AN1725: { TimeWindow: "1m" } },
    "proxy-users": { file: "users" },
    rules: [rule("z")],
  })
  const keys = [
    "workers",
    "allow-client",
    "proxy-users",
    "limits.drain-time",
    "analytics.AN1725.TimeWindow",
  ]
  t.strictSame(keysForRestart(before, after), keys)
  const taken = withPolicyOf(before, after)
  t.equal(taken.workers, 1)
  t.strictSame(taken.rules, after.rules)
})

t.test("a long change is told in part, and counted", async (t) => {
  const rules = Array.from({ length: 60 }, (_, index) => rule(`r-${index}`))
  const { added } = policyChange(config({}), config({ rules }))
  t.equal(added.length, 51)
  t.equal(added.at(-1), "and 10 more")
})

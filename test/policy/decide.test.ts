import t from "tap"
import { decide, nameDisagrees } from "../../src/policy/decide.ts"
import { preparePolicy } from "../../src/policy/prepare.ts"
import { TrialUse } from "../../src/policy/trial-use.ts"
import { control, entry, facts, hour, iso, minute, noon, rules, second, trial } from "./given.ts"

const under = (list: unknown[], entries: ReturnType<typeof entry>[] = [], settings = {}) =>
  preparePolicy({ rules: rules(list), control: { ...control, ...settings } }, entries)

t.test("fails closed: what nothing decides is inspected", async (t) => {
  t.same(decide(facts(), under([]), noon), {
    do: "inspect",
    rule: "default",
    splice_cause: null,
    register_entry: null,
    by_name: false,
    needs_resolution: false,
    splice_until: null,
  })
})

t.test("the first rule that matches decides, then the register, then inspect", async (t) => {
  const api = { sni: ["api.example.org"] }
  const rows: [name: string, list: unknown[], rule: string][] = [
    [
      "order",
      [
        { name: "a", when: api, do: "block" },
        { name: "b", when: api, do: "splice" },
      ],
      "a",
    ],
    [
      "a rule without a name before one with",
      [
        { name: "a", when: { port: [443] }, do: "inspect" },
        { name: "b", when: api, do: "splice" },
      ],
      "a",
    ],
    [
      "a rule with a name before one without",
      [
        { name: "a", when: api, do: "splice" },
        { name: "b", when: { port: [443] }, do: "inspect" },
      ],
      "a",
    ],
    [
      "a wildcard before an exact name",
      [
        { name: "a", when: { sni: ["*.example.org"] }, do: "block" },
        { name: "b", when: api, do: "splice" },
      ],
      "a",
    ],
    ["one that does not match", [{ name: "a", when: { port: [1] }, do: "block" }], "entry-1"],
    ["a rule for all", [{ name: "a", do: "inspect" }], "a"],
  ]
  for (const [name, list, rule] of rows)
    t.equal(decide(facts(), under(list, [entry()]), noon).rule, rule, name)
})

t.test("a splice says its cause and whether a name decided it", async (t) => {
  const rows: [name: string, rule: object, given: object, expected: object][] = [
    [
      "by name",
      { when: { sni: ["api.example.org"] } },
      {},
      { splice_cause: "operator", by_name: true, needs_resolution: true },
    ],
    [
      "by client",
      { when: { client: ["10.0.0.0/8"] }, cause: "private" },
      {},
      { splice_cause: "private", by_name: false, needs_resolution: false },
    ],
    [
      "by an address",
      { when: { sni: ["192.0.2.1"] } },
      { sni: null, connect_host: "192.0.2.1" },
      { by_name: true, needs_resolution: false },
    ],
  ]
  for (const [name, rule, given, expected] of rows)
    t.match(
      decide(facts(given), under([{ name: "r", do: "splice", ...rule }]), noon),
      { do: "splice", rule: "r", ...expected },
      name,
    )
})

t.test("a splice by name of one host while CONNECT asks for another is inspected", async (t) => {
  const policy = under([{ name: "push", when: { sni: ["push.apple.com"] }, do: "splice" }])
  const said = (given: object) => decide(facts({ sni: "push.apple.com", ...given }), policy, noon)
  t.same(said({ connect_host: "c2.evil.example" }), nameDisagrees)
  t.equal(said({ connect_host: "PUSH.apple.com." }).do, "splice")
  t.equal(said({ connect_host: "203.0.113.66" }).needs_resolution, true, "an address is for agree")
  t.equal(said({ connect_host: null }).needs_resolution, true)
  t.equal(said({ sni: "c2.evil.example", connect_host: "push.apple.com" }).rule, "default")
})

t.test("a blocked CONNECT host is blocked under any SNI", async (t) => {
  const policy = under([
    { name: "no", when: { sni: ["bad.example"] }, do: "block" },
    { name: "yes", when: { sni: ["good.example"] }, do: "splice" },
  ])
  t.equal(
    decide(facts({ sni: "good.example", connect_host: "bad.example" }), policy, noon).do,
    "block",
  )
  t.equal(
    decide(facts({ sni: "bad.example", connect_host: "good.example" }), policy, noon).do,
    "block",
  )
})

t.test("every given part of an entry's scope must match", async (t) => {
  const scope = {
    device_id: "phone-1",
    device_group: "field",
    client_network: "10.0.0.0/8",
    stack: "t13-okhttp",
    sni: "*.example.org",
    destination_network: "203.0.113.0/24",
  }
  const policy = under([], [entry({ kind: "platform", scope })])
  const matching = { destination_ip: "203.0.113.7" }
  t.match(decide(facts(matching), policy, noon), {
    do: "splice",
    rule: "entry-1",
    register_entry: "entry-1",
    splice_cause: "platform",
    by_name: true,
    splice_until: null,
  })
  const others: [part: string, given: object][] = [
    ["device", { device_id: "phone-2" }],
    ["no device", { device_id: null }],
    ["group", { device_groups: [] }],
    ["client", { client_ip: "192.168.0.1" }],
    ["stack", { stack: "other" }],
    ["name", { sni: "example.org", connect_host: "example.org" }],
    ["destination", { destination_ip: "203.0.114.7" }],
    ["no destination", { destination_ip: null }],
  ]
  for (const [part, given] of others)
    t.equal(decide(facts({ ...matching, ...given }), policy, noon).do, "inspect", part)
})

t.test("an entry ends at its end", async (t) => {
  const policy = under([], [entry({ expires_at: iso(noon + hour) })])
  t.equal(decide(facts(), policy, noon + hour - 1).do, "splice")
  t.equal(decide(facts(), policy, noon + hour).do, "inspect")
})

t.test("a trial splices its own device, stack and SNI, while its time and caps last", async (t) => {
  const splicing = { state: "splicing", first_splice_at: iso(noon) } as const
  const rows: [
    name: string,
    entry: ReturnType<typeof entry>,
    given: object,
    at: number,
    does: string,
  ][] = [
    ["armed", trial(), {}, noon, "splice"],
    ["armed too long", trial(), {}, noon + 24 * hour, "inspect"],
    ["another device", trial(), { device_id: "phone-2" }, noon, "inspect"],
    ["an unbound device", trial(), { device_id: null }, noon, "inspect"],
    ["another address", trial(), { client_ip: "10.1.2.4" }, noon, "inspect"],
    ["another stack", trial(), { stack: "other" }, noon, "inspect"],
    ["another name", trial(), { sni: "b.example.org", connect_host: null }, noon, "inspect"],
    ["no SNI", trial(), { sni: null }, noon, "inspect"],
    ["an unreadable hello", trial(), { hello_readable: false }, noon, "inspect"],
    ["splicing", trial(splicing), {}, noon + 2 * minute - 1, "splice"],
    ["time over though the register is late", trial(splicing), {}, noon + 2 * minute, "inspect"],
    ["connections used up", trial({ ...splicing, connections: 20 }), {}, noon, "inspect"],
    ["bytes used up", trial({ ...splicing, bytes: 52_428_800 }), {}, noon, "inspect"],
    ["re-inspecting", trial({ state: "re-inspecting" }), {}, noon, "inspect"],
    ["cooling", trial({ state: "cooling" }), {}, noon, "inspect"],
  ]
  for (const [name, one, given, at, does] of rows)
    t.equal(decide(facts(given), under([], [one]), at).do, does, name)
})

t.test("a trial's splice says when it is cut", async (t) => {
  const at = (one: ReturnType<typeof entry>, now: number) => decide(facts(), under([], [one]), now)
  t.match(at(trial(), noon + hour), {
    splice_cause: "trial",
    splice_until: noon + hour + 2 * minute,
  })
  const splicing = trial({ state: "splicing", first_splice_at: iso(noon) })
  t.equal(at(splicing, noon + minute).splice_until, noon + 2 * minute)
})

t.test(
  "fails closed: without a correlator each worker ends a trial by its own count",
  async (t) => {
    const use = new TrialUse()
    const policy = preparePolicy(
      { rules: [], control: { ...control, connections: 2 } },
      [trial()],
      use,
    )
    t.equal(decide(facts(), policy, noon).do, "splice")
    use.opened("trial-1", noon)
    t.equal(decide(facts(), policy, noon + minute).splice_until, noon + 2 * minute)
    t.equal(decide(facts(), policy, noon + 2 * minute).do, "inspect", "its time is over")
    use.opened("trial-1", noon + second)
    t.equal(decide(facts(), policy, noon + second).do, "inspect", "its connections are used up")
  },
)

t.test("a key that is held as blocked is blocked until the hold ends", async (t) => {
  const held = trial({ state: "holding" }, { expires_at: iso(noon + hour) })
  const policy = under([], [held], { hold: "block" })
  t.match(decide(facts(), policy, noon), { do: "block", rule: "trial-1", splice_cause: null })
  t.equal(decide(facts({ stack: "other" }), policy, noon).do, "inspect")
  t.equal(decide(facts(), policy, noon + hour).do, "inspect")
})

t.test("deciding changes nothing", async (t) => {
  const use = new TrialUse()
  const policy = preparePolicy(
    { rules: [], control: { ...control, connections: 1 } },
    [trial()],
    use,
  )
  for (let i = 0; i < 3; i++) t.equal(decide(facts(), policy, noon).do, "splice")
})

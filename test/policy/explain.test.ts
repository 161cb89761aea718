import t from "tap"
import { explain, explainDecision } from "../../src/policy/explain.ts"
import { preparePolicy } from "../../src/policy/prepare.ts"
import { control, entry, facts, hour, iso, noon, rules, trial } from "./given.ts"

t.test("each rule up to the one that decides is told with its reason", async (t) => {
  const list = rules([
    { name: "guests", when: { client: ["192.168.0.0/16"] }, do: "block" },
    { name: "push", when: { sni: ["api.example.org"], port: [443] }, do: "splice" },
    { name: "later", do: "block" },
  ])
  t.same(explainDecision(facts(), preparePolicy({ rules: list, control }, []), noon), [
    "rule guests: no: client is in 192.168.0.0/16; here: 10.1.2.3",
    "rule push: matches: port is 443, and host is api.example.org",
    "decision: splice (operator) by push",
    "dials the sensor's own resolution of api.example.org; the client's host and address must agree with it, else inspect",
  ])
})

t.test("a rule about names says what is known of them", async (t) => {
  const list = rules([
    { name: "strangers", when: { "name-agrees": ["no", "unknown"] }, do: "block" },
    { name: "sure", when: { "name-agrees": ["yes"] }, do: "inspect" },
  ])
  const policy = preparePolicy({ rules: list, control }, [])
  t.same(explainDecision(facts({ name_agrees: true }), policy, noon), [
    "rule strangers: no: name agrees with destination: no, unknown; here: yes",
    "rule sure: matches: name agrees with destination: yes",
    "decision: inspect by sure",
  ])
})

t.test("register entries that come near are told, others are not", async (t) => {
  const entries = [
    trial(),
    entry({ id: "far", scope: { sni: "z.example", stack: "z" } }),
    entry({ id: "odd", scope: { sni: "*" } }),
  ]
  const lines = explainDecision(
    facts({ stack: "other" }),
    preparePolicy({ rules: [], control }, entries),
    noon,
  )
  t.match(lines, [
    "register entry trial-1 (trial): no: stack is t13-okhttp; here: other",
    /^register entry odd matches nothing/,
    "decision: inspect by default",
  ])
  t.match(explainDecision(facts(), preparePolicy({ rules: [], control }, [trial()]), noon), [
    /^register entry trial-1 \(trial\): matches: /,
    "decision: splice (trial) by trial-1",
    /^dials/,
    "is cut at 2026-03-01T12:02:00.000Z",
    /^stands in the register as trial-1: pinsensor: ticket/,
  ])
})

t.test("what is near but not in force is told with the reason", async (t) => {
  const scope = { device_group: "field", sni: "api.example.org" }
  const retest = { device_id: "phone-1", since: iso(noon) }
  const entries = [
    entry({ id: "proposal", kind: "learned", standing: "proposed", scope }),
    entry({ id: "far", standing: "proposed", scope: { sni: "z.example", device_group: "z" } }),
    trial({ state: "cooling" }),
    entry({
      id: "learned-1",
      kind: "learned",
      scope,
      learned: { device_ids: ["phone-1"], retest, renewals: 0 },
    }),
    entry({ id: "list:apple", source: "list" }),
  ]
  t.same(explainDecision(facts(), preparePolicy({ rules: [], control }, entries), noon), [
    "register entry learned-1 (learned): no: device is not phone-1, on which the bypass is tested again since 2026-03-01T12:00:00.000Z; here: phone-1",
    "register entry proposal (learned): is a proposal, not in force",
    "register entry trial-1 (trial): is cooling: its connections are inspected",
    "decision: inspect by default",
  ])
})

t.test("a list is told with its source, and with its entry in the register", async (t) => {
  const lists = [
    {
      list: "apple",
      pattern: "*.push.apple.com",
      cause: "platform" as const,
      source: "support.apple.com",
      read: "2026-01-02",
    },
  ]
  const declared = entry({ id: "list:apple", source: "list", owner: "noc", reason: "vendor" })
  const learned = entry({ id: "never-asked", kind: "learned" })
  const policy = preparePolicy({ rules: [], control, lists }, [declared, learned])
  const said = facts({ sni: "1.push.apple.com", connect_host: null })
  t.match(explainDecision(said, policy, noon), [
    "list apple: matches: host is *.push.apple.com (support.apple.com, read 2026-01-02)",
    "decision: splice (platform) by list:apple",
    /^dials the sensor's own resolution of 1\.push\.apple\.com/,
    "stands in the register as list:apple: noc: vendor",
  ])
  t.equal(
    explainDecision(facts(), policy, noon).at(0),
    "register entry never-asked (learned): matches: it does not expire",
  )
})

t.test("a person's entry is told before the lists, and where it leads", async (t) => {
  const scope = { destination_network: "203.0.113.0/24" }
  const one = entry({ scope, expires_at: iso(noon + hour) })
  const policy = preparePolicy({ rules: [], control }, [
    one,
    entry({ id: "later", scope, kind: "platform" }),
  ])
  t.match(explainDecision(facts({ destination_ip: "203.0.113.7" }), policy, noon), [
    /^register entry entry-1 \(operator\): matches: destination is in 203\.0\.113\.0\/24, and it is before /,
    "decision: splice (operator) by entry-1",
    "dials nothing outside 203.0.113.0/24",
    "is cut at 2026-03-01T13:00:00.000Z",
    "stands in the register as entry-1: ops: ticket",
  ])
})

t.test("where nothing comes near, that is told", async (t) => {
  t.same(explainDecision(facts(), preparePolicy({ rules: [], control }, []), noon), [
    "register and lists: nothing comes near",
    "decision: inspect by default",
  ])
})

t.test("the parts of an explanation are there for programs", async (t) => {
  const list = rules([
    { name: "guests", when: { client: ["192.168.0.0/16"], port: [443] }, do: "block" },
  ])
  const policy = preparePolicy({ rules: list, control }, [entry({ standing: "proposed" })])
  const explanation = explain(facts(), policy, noon)
  t.match(explanation, {
    decision: { do: "inspect", rule: "default" },
    steps: [
      {
        kind: "rule",
        id: "guests",
        matches: false,
        idle: null,
        conditions: [
          { asks: "port is 443", here: "443", holds: true },
          { asks: "client is in 192.168.0.0/16", here: "10.1.2.3", holds: false },
        ],
      },
      {
        kind: "register-entry",
        id: "entry-1",
        matches: false,
        idle: "is a proposal, not in force",
      },
    ],
    asks: [],
    faults: [],
  })
  t.equal(explanation.steps.length, 2)
  t.same(JSON.parse(JSON.stringify(explanation)), explanation, "it survives JSON")
})

t.test("names that disagree are told", async (t) => {
  const list = rules([{ name: "push", when: { sni: ["api.example.org"] }, do: "splice" }])
  const lines = explainDecision(
    facts({ connect_host: "c2.example" }),
    preparePolicy({ rules: list, control }, []),
    noon,
  )
  t.match(lines.at(-1), /SNI api\.example\.org, CONNECT host c2\.example/)
})

t.test("an explanation stays short however many rules there are", async (t) => {
  const many = Array.from({ length: 500 }, (_, i) => ({
    name: `r${i}`,
    when: { port: [1] },
    do: "block",
  }))
  const list = rules([...many, { name: "all", do: "inspect" }])
  const lines = explainDecision(facts(), preparePolicy({ rules: list, control }, []), noon)
  t.ok(lines.length < 60)
  t.match(lines.at(-3), "and 451 more rules")
  t.match(lines.at(-2), "rule all: matches everything")
})

t.test("a person's own device is told as the setting that decides, or says inspect", async (t) => {
  const own = facts({ device_personal: true })
  t.same(explainDecision(own, preparePolicy({ rules: [], control }, []), noon), [
    "setting privacy.personal-devices: matches: device is a person's own",
    "decision: splice (private) by personal-device",
  ])
  const privacy = { "personal-devices": "inspect" as const }
  const inspects = preparePolicy({ rules: [], control, privacy }, [])
  t.same(explainDecision(own, inspects, noon), [
    "setting privacy.personal-devices: says inspect",
    "decision: inspect by default",
  ])
})

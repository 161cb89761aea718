import t from "tap"
import { explainDecision } from "../../src/policy/explain.ts"
import { preparePolicy } from "../../src/policy/prepare.ts"
import { control, entry, facts, noon, rules, trial } from "./given.ts"

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
  ])
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

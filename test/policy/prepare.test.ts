import t from "tap"
import { decide } from "../../src/policy/decide.ts"
import { entryDoes, preparePolicy } from "../../src/policy/prepare.ts"
import { control, entry, facts, noon, rules, trial } from "./given.ts"

t.test(
  "fails closed: an entry whose scope cannot be read matches nothing and is named",
  async (t) => {
    const rows: [name: string, scope: object, why: RegExp][] = [
      ["a network with host bits", { client_network: "10.1.2.3/8" }, /write 10\.0\.0\.0\/8/],
      ["no network", { destination_network: "anywhere" }, /write it as/],
      ["a leading dot", { sni: ".example.org" }, /write \*\.example\.org/],
      ["a star alone", { sni: "*" }, /only stand first/],
    ]
    for (const [name, scope, why] of rows) {
      const policy = preparePolicy({ rules: [], control }, [entry({ id: "odd", scope })])
      t.equal(decide(facts(), policy, noon).do, "inspect", name)
      t.match(policy.faults, [why], name)
      t.match(policy.faults[0], /^register entry odd matches nothing: /, name)
    }
  },
)

t.test("one entry that cannot be read takes no other with it", async (t) => {
  const entries = [entry({ id: "odd", scope: { sni: "*" } }), entry({ id: "good" })]
  const policy = preparePolicy({ rules: [], control }, entries)
  t.equal(decide(facts(), policy, noon).rule, "good")
})

t.test(
  "what the operator wrote wins over what the sensor made, the narrower over the wider",
  async (t) => {
    const wide = entry({ id: "wide" })
    const below = entry({ id: "below", scope: { sni: "*.example.org" } })
    const exact = entry({ id: "exact", scope: { sni: "api.example.org" } })
    const platform = entry({ id: "platform", kind: "platform", scope: { sni: "api.example.org" } })
    const learned = entry({ id: "learned", kind: "learned", scope: { sni: "api.example.org" } })
    const rows: [name: string, entries: ReturnType<typeof entry>[], wins: string][] = [
      ["exact before below", [wide, below, exact], "exact"],
      ["below before any", [wide, below], "below"],
      ["operator before platform", [platform, wide], "wide"],
      ["platform before learned", [learned, platform], "platform"],
      ["learned before trial", [trial(), learned], "learned"],
      ["equals by id", [entry({ id: "b" }), entry({ id: "a" })], "a"],
    ]
    for (const [name, entries, wins] of rows)
      for (const order of [entries, entries.toReversed()])
        t.equal(
          decide(facts(), preparePolicy({ rules: [], control }, order), noon).rule,
          wins,
          name,
        )
  },
)

t.test("a trial does what its state and the control settings say", async (t) => {
  const rows: [
    state: "armed" | "splicing" | "re-inspecting" | "holding" | "cooling",
    mode: object,
    does: string,
  ][] = [
    ["armed", {}, "splice"],
    ["splicing", {}, "splice"],
    ["re-inspecting", {}, "inspect"],
    ["cooling", {}, "inspect"],
    ["holding", {}, "inspect"],
    ["holding", { hold: "splice" }, "inspect"],
    ["holding", { hold: "block" }, "block"],
    ["holding", { hold: "block", mode: "off" }, "inspect"],
    ["armed", { mode: "off" }, "inspect"],
    ["splicing", { mode: "off" }, "inspect"],
  ]
  for (const [state, mode, does] of rows)
    t.equal(
      entryDoes(trial({ state }), { ...control, ...mode }),
      does,
      `${state} ${JSON.stringify(mode)}`,
    )
  t.equal(entryDoes(entry({ kind: "trial" }), control), "inspect", "a trial without a state")
})

t.test("the shell is told when it is asked for whether names agree", async (t) => {
  const about = (when: object) =>
    preparePolicy({ rules: rules([{ name: "a", when, do: "block" }]), control }, [])
  t.equal(about({ port: [443] }).asks_name_agreement, false)
  t.equal(about({ "name-agrees": ["no"] }).asks_name_agreement, true)
})

t.test("the shell is told when the destination's address is asked for", async (t) => {
  const about = (list: unknown[], entries: ReturnType<typeof entry>[]) =>
    preparePolicy({ rules: rules(list), control }, entries).asks_destination
  t.equal(about([{ name: "a", when: { port: [443] }, do: "block" }], [entry()]), false)
  t.equal(about([{ name: "a", when: { destination: ["10.0.0.0/8"] }, do: "block" }], []), true)
  t.equal(about([], [entry({ scope: { destination_network: "10.0.0.0/8" } })]), true)
})

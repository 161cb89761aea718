import t from "tap"
import { ConnectionView } from "../../../src/policy/connection-view.ts"
import { decide } from "../../../src/policy/decide.ts"
import { preparePolicy } from "../../../src/policy/prepare.ts"
import {
  entryDoes,
  idleBecause,
  RegisterIndex,
} from "../../../src/policy/register/register-index.ts"
import { control, entry, facts, hour, iso, noon, trial } from "../given.ts"

const decides = (entries: ReturnType<typeof entry>[], given = {}, settings = {}) =>
  decide(
    facts(given),
    preparePolicy({ rules: [], control: { ...control, ...settings } }, entries),
    noon,
  )

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
  const odd = entry({ id: "odd", scope: { sni: "*" } })
  t.equal(decides([odd, entry({ id: "good" })]).rule, "good")
})

t.test(
  "what the operator wrote wins over what the sensor made, the narrower over the wider",
  async (t) => {
    const wide = entry({ id: "wide" })
    const below = entry({ id: "below", scope: { sni: "*.example.org" } })
    const exact = entry({ id: "exact", scope: { sni: "api.example.org" } })
    const platform = entry({ id: "platform", kind: "platform", scope: { sni: "api.example.org" } })
    const learned = entry({ id: "learned", kind: "learned", scope: { sni: "api.example.org" } })
    const held = trial({ state: "holding", hold: "block" }, { id: "held" })
    const rows: [name: string, entries: ReturnType<typeof entry>[], wins: string][] = [
      ["exact before below", [wide, below, exact], "exact"],
      ["below before any", [wide, below], "below"],
      ["operator before platform", [platform, wide], "wide"],
      ["platform before learned", [learned, platform], "platform"],
      ["learned before trial", [trial(), learned], "learned"],
      ["a block that holds before learned", [learned, held], "held"],
      ["equals by id", [entry({ id: "b" }), entry({ id: "a" }), entry({ id: "c" })], "a"],
    ]
    for (const [name, entries, wins] of rows)
      for (const order of [entries, entries.toReversed()]) t.equal(decides(order).rule, wins, name)
  },
)

t.test("a trial does what its state and the control settings say", async (t) => {
  const rows: [state: object, mode: object, does: string][] = [
    [{ state: "armed" }, {}, "splice"],
    [{ state: "splicing" }, {}, "splice"],
    [{ state: "re-inspecting" }, {}, "inspect"],
    [{ state: "cooling" }, {}, "inspect"],
    [{ state: "holding" }, {}, "inspect"],
    [{ state: "holding" }, { hold: "splice" }, "inspect"],
    [{ state: "holding" }, { hold: "block" }, "block"],
    [{ state: "holding", hold: "block" }, {}, "block"],
    [{ state: "holding", hold: "inspect" }, { hold: "block" }, "inspect"],
    [{ state: "holding", hold: "splice" }, { hold: "block" }, "inspect"],
    [{ state: "holding", hold: "block" }, { mode: "off" }, "inspect"],
    [{ state: "armed" }, { mode: "off" }, "inspect"],
    [{ state: "splicing" }, { mode: "off" }, "inspect"],
  ]
  for (const [state, mode, does] of rows)
    t.equal(
      entryDoes(trial(state), { ...control, ...mode }),
      does,
      JSON.stringify({ ...state, ...mode }),
    )
  t.equal(entryDoes(entry({ kind: "trial" }), control), "inspect", "a trial without a state")
})

t.test(
  "a proposal never splices, and what the configuration declares decides nothing",
  async (t) => {
    for (const kind of ["operator", "learned", "private"] as const)
      t.equal(decides([entry({ kind, standing: "proposed" })]).do, "inspect", kind)
    for (const source of ["rule", "list", "setting"] as const) {
      t.equal(decides([entry({ source })]).do, "inspect", source)
      t.match(idleBecause(entry({ source }), control), source)
    }
  },
)

t.test(
  "under off nothing that the sensor made splices, and all that a person made does",
  async (t) => {
    const rows: [name: string, entry: ReturnType<typeof entry>, does: string][] = [
      ["trial", trial(), "inspect"],
      ["learned", entry({ kind: "learned", owner: "pinsensor" }), "inspect"],
      ["learned, and accepted by a person", entry({ kind: "learned", owner: "ann@noc" }), "splice"],
      ["operator", entry(), "splice"],
      ["platform", entry({ kind: "platform" }), "splice"],
    ]
    for (const [name, one, does] of rows)
      t.equal(decides([one], {}, { mode: "off" }).do, does, name)
  },
)

t.test(
  "a group that has left control leaves what the sensor made, other groups do not",
  async (t) => {
    const groups = [{ group: "kiosk", mode: "off" as const }]
    const made = [trial(), entry({ kind: "learned", owner: "pinsensor" })]
    for (const one of made) {
      t.equal(decides([one], { device_groups: ["kiosk"] }, { groups }).do, "inspect", one.kind)
      t.equal(decides([one], { device_groups: ["field"] }, { groups }).do, "splice", one.kind)
    }
    const accepted = entry({ kind: "learned", owner: "ann@noc" })
    t.equal(decides([accepted], { device_groups: ["kiosk"] }, { groups }).do, "splice")
  },
)

t.test(
  "while a bypass is tested again one device is inspected and the others are not",
  async (t) => {
    const one = entry({
      kind: "learned",
      owner: "pinsensor",
      scope: { device_group: "field", sni: "api.example.org" },
      learned: {
        device_ids: ["phone-1", "phone-2"],
        retest: { device_id: "phone-1", since: iso(noon) },
        renewals: 0,
      },
    })
    t.equal(decides([one]).do, "inspect")
    t.match(decides([one], { device_id: "phone-2" }), { do: "splice", splice_cause: "learned" })
  },
)

t.test("what has ended is forgotten, whether or not anybody says so", async (t) => {
  const index = new RegisterIndex(control, null, [
    entry({ id: "ended", expires_at: iso(noon) }),
    entry({ id: "lasts", expires_at: iso(noon + 1) }),
    entry({ id: "forever" }),
    entry({ id: "idle", standing: "proposed", expires_at: iso(noon - hour) }),
  ])
  t.equal(index.deleteEnded(noon), 2)
  t.same(
    index.entries().map(({ id }) => id),
    ["lasts", "forever"],
  )
  t.equal(index.deleteEnded(noon), 0)
})

t.test("the index says what it keeps, what is in force, and what is idle and why", async (t) => {
  const index = new RegisterIndex(control, null, [
    entry({ id: "b", kind: "platform" }),
    entry({ id: "p", standing: "proposed" }),
    entry({ id: "a" }),
    entry({ id: "odd", scope: { sni: "*" } }),
  ])
  t.equal(index.size, 4)
  t.same(
    index.inForce().map(({ value }) => value.id),
    ["a", "b"],
  )
  t.match(index.idle(), [{ why: /^matches nothing/ }, { why: "is a proposal, not in force" }])
  t.equal(index.get("p")?.standing, "proposed")
  t.equal(index.has("x"), false)
  index.set(entry({ id: "a", standing: "proposed" }))
  t.equal(index.first(new ConnectionView(facts()), noon)?.id, "b")
})

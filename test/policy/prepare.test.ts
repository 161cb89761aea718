import fc from "fast-check"
import t from "tap"
import type { ConnectionFacts } from "../../src/policy/connection-view.ts"
import { decide } from "../../src/policy/decide.ts"
import {
  changeRegister,
  dropEnded,
  type Policy,
  preparePolicy,
  withSettings,
} from "../../src/policy/prepare.ts"
import type { ListedHost } from "../../src/policy/settings.ts"
import type { RegisterEntry } from "../../src/record/register-entry.ts"
import { control, entry, facts, hour, iso, noon, rules, trial } from "./given.ts"

const pick = <const Value>(...values: Value[]) => fc.constantFrom(...values)
const ids = Array.from({ length: 25 }, (_, i) => `e${i}`)
const names = ["a.example", "b.a.example", "c.example"]

/** Few values, so that many entries share each; some cannot be read, some are not in force. */
const someEntry: fc.Arbitrary<RegisterEntry> = fc
  .record({
    id: pick(...ids),
    kind: pick("operator", "platform", "private", "learned"),
    owner: pick("ann@noc", "pinsensor"),
    standing: pick("in-force", "in-force", "in-force", "proposed"),
    source: pick("register", "register", "register", "list"),
    expires_at: pick(null, null, iso(noon), iso(noon + hour)),
    retest: pick(null, null, { device_id: "d1", since: iso(noon) }),
    scope: fc.record({
      device_id: pick(null, "d1", "d2"),
      device_group: pick(null, null, "field"),
      client_network: pick(null, "10.0.0.0/8", "10.1.0.0/16", "10.1.0.0/8"),
      stack: pick(null, null, "one", "two"),
      sni: pick(null, ...names, "*.a.example", "*.example", "*"),
      destination_network: pick(null, null, null, "192.0.2.0/24"),
    }),
  })
  .map(({ retest, ...given }) =>
    entry({ ...given, learned: { device_ids: [], retest, renewals: 0 } }),
  )
const someTrial: fc.Arbitrary<RegisterEntry> = fc
  .record({
    id: pick(...ids),
    state: pick("armed", "splicing", "re-inspecting", "holding", "cooling"),
    hold: pick(null, "block", "inspect"),
    sni: pick(...names),
  })
  .map(({ id, sni, ...state }) => {
    const scope = { device_id: "d1", client_network: "10.1.0.1/32", stack: "one", sni }
    return trial(state, { id, scope })
  })
const change = fc.oneof(
  { weight: 6, arbitrary: someEntry },
  { weight: 2, arbitrary: someTrial },
  { weight: 3, arbitrary: pick(...ids) },
)
const connection: fc.Arbitrary<ConnectionFacts> = fc
  .record({
    client_ip: pick("10.1.0.1", "10.2.0.1", "192.0.2.1"),
    device_id: pick(null, "d1", "d2"),
    device_groups: pick<string[]>([], ["field"]),
    sni: pick(null, ...names),
    connect_host: fc.constant(null),
    destination_ip: pick("192.0.2.7", "198.51.100.1"),
    stack: pick("one", "two"),
  })
  .map(facts)

t.test("changes one by one leave the policy that preparing anew gives", async () => {
  const settings = { rules: [], control }
  fc.assert(
    fc.property(
      fc.array(change, { maxLength: 80, size: "max" }),
      fc.array(connection, { minLength: 8, maxLength: 8 }),
      (changes, connections) => {
        const register = new Map<string, RegisterEntry>()
        const changed = preparePolicy(settings, [])
        for (const one of changes) {
          const id = typeof one === "string" ? one : one.id
          const next = typeof one === "string" ? null : one
          changeRegister(changed, new Map([[id, next]]))
          if (next) register.set(id, next)
          else register.delete(id)
        }
        const anew = preparePolicy(settings, [...register.values()])
        const same = (a: Policy, b: Policy) =>
          a.asks_destination === b.asks_destination &&
          a.asks_device === b.asks_device &&
          a.faults.toSorted().join() === b.faults.toSorted().join() &&
          connections.every((said) => decide(said, a, noon).rule === decide(said, b, noon).rule)
        return same(changed, anew)
      },
    ),
    { numRuns: 80 },
  )
})

t.test("several changes come at once, and what is gone may be gone already", async (t) => {
  const policy = preparePolicy({ rules: [], control }, [entry({ id: "a" }), entry({ id: "b" })])
  changeRegister(
    policy,
    new Map([
      ["a", null],
      ["b", entry({ id: "b", kind: "platform" })],
      ["never", null],
    ]),
  )
  t.match(decide(facts(), policy, noon), { rule: "b", splice_cause: "platform" })
  t.equal(policy.register.size, 1)
  t.equal(dropEnded(policy, noon), 0)
  changeRegister(policy, new Map([["c", entry({ id: "c", expires_at: iso(noon) })]]))
  t.equal(dropEnded(policy, noon), 1)
})

t.test("other rules and lists take effect, and the register stays as it is", async (t) => {
  const before = preparePolicy({ rules: rules([{ name: "a", do: "block" }]), control }, [entry()])
  t.equal(decide(facts(), before, noon).rule, "a")
  const after = withSettings(before, { rules: [], control: { ...control } })
  t.equal(after.register, before.register)
  t.equal(decide(facts(), after, noon).rule, "entry-1")
  changeRegister(after, new Map([["entry-1", null]]))
  t.equal(decide(facts(), after, noon).rule, "default")
  const lists = [listed("*.example.org")]
  t.equal(decide(facts(), withSettings(after, { rules: [], control, lists }), noon).do, "splice")
})

t.test("other control settings take effect on entries that are there already", async (t) => {
  const on = preparePolicy({ rules: [], control }, [trial()])
  t.equal(decide(facts(), on, noon).rule, "trial-1")
  const off = withSettings(on, { rules: [], control: { ...control, mode: "off" } })
  t.equal(decide(facts(), off, noon).rule, "default")
  t.equal(decide(facts(), withSettings(off, { rules: [], control }), noon).rule, "trial-1")
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
  const to = entry({ scope: { destination_network: "10.0.0.0/8" } })
  t.equal(about([{ name: "a", when: { port: [443] }, do: "block" }], [entry()]), false)
  t.equal(about([{ name: "a", when: { destination: ["10.0.0.0/8"] }, do: "block" }], []), true)
  t.equal(about([], [to]), true)
  t.equal(about([], [{ ...to, standing: "proposed" }]), false)
})

t.test("the shell is told when it is asked who the client is", async (t) => {
  const about = (list: unknown[], entries: ReturnType<typeof entry>[]) =>
    preparePolicy({ rules: rules(list), control }, entries).asks_device
  const learned = { device_ids: [], retest: { device_id: "d", since: iso(noon) }, renewals: 0 }
  t.equal(about([{ name: "a", when: { port: [443] }, do: "block" }], [entry()]), false)
  t.equal(about([{ name: "a", when: { "device-group": ["g"] }, do: "block" }], []), true)
  t.equal(about([], [trial()]), true)
  t.equal(about([], [entry({ scope: { device_group: "g" } })]), true)
  t.equal(about([], [entry({ kind: "learned", learned })]), true, "to find the one under re-test")
  t.equal(about([], [trial({ state: "cooling" })]), false)
})

t.test("fails closed: a listed host that is no pattern matches nothing and is named", async (t) => {
  const lists = [listed("*"), listed("api.example.org")]
  const policy = preparePolicy({ rules: [], control, lists }, [])
  t.match(policy.faults, [/^list health: \* matches nothing: /])
  t.equal(decide(facts(), policy, noon).do, "splice")
})

function listed(pattern: string): ListedHost {
  return { list: "health", pattern, cause: "private", source: "configuration", read: "" }
}

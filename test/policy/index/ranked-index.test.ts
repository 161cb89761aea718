import fc from "fast-check"
import t from "tap"
import { compileConditions } from "../../../src/policy/conditions.ts"
import { ConnectionView } from "../../../src/policy/connection-view.ts"
import { decide } from "../../../src/policy/decide.ts"
import { facetsOf } from "../../../src/policy/index/facets.ts"
import { type Ranked, RankedIndex } from "../../../src/policy/index/ranked-index.ts"
import { preparePolicy } from "../../../src/policy/prepare.ts"
import { Conditions, Rules } from "../../../src/policy/settings.ts"
import { control, facts, noon } from "../given.ts"

const pick = <Value>(...values: Value[]) => fc.constantFrom(...values)
const maybe = <Value>(...values: Value[]) =>
  fc.option(fc.uniqueArray(pick(...values), { minLength: 1, maxLength: 2 }), {
    nil: undefined,
    freq: 9,
  })

const names = ["a.example", "b.a.example", "c.example"] as const
const conditions = {
  client: maybe("10.0.0.0/8", "10.1.0.0/16", "2001:db8::/32"),
  "device-group": maybe("field", "office"),
  sni: maybe(...names, "*.a.example", "*.example", "192.0.2.0/24"),
  destination: maybe("192.0.2.0/24", "0.0.0.0/0"),
  port: maybe(443, 8443),
  stack: maybe("one", "two"),
  alpn: maybe("h2", "mqtt"),
  listener: maybe("explicit", "tap"),
  "name-agrees": maybe("yes", "no", "unknown"),
}
/** At most three each, so that many rules share them and shelves are divided by every one. */
const when = fc
  .tuple(
    fc.record(conditions),
    fc.subarray(Object.keys(conditions) as (keyof typeof conditions)[], { maxLength: 3 }),
  )
  .map(([all, kept]) =>
    Object.fromEntries(kept.flatMap((key) => (all[key] ? [[key, all[key]]] : []))),
  )
const connection = fc.record({
  client_ip: pick("10.1.0.1", "10.2.0.1", "2001:db8::1", "192.0.2.1"),
  device_groups: pick<string[]>([], ["field"], ["office", "field"]),
  sni: pick<string | null>(null, ...names),
  connect_host: pick<string | null>(null, ...names, "192.0.2.7", "64:ff9b::c000:207"),
  destination_ip: pick<string | null>(null, "192.0.2.7", "198.51.100.1", "64:ff9b::c000:207"),
  other_destinations: pick<string[]>([], ["192.0.2.9"]),
  destination_port: pick(443, 8443),
  stack: pick<string | null>(null, "one", "two"),
  alpn_offered: pick<string[]>([], ["h2"], ["mqtt", "h2"]),
  listener: pick("explicit", "tap"),
  name_agrees: pick<boolean | null>(true, false, null),
})

t.test("the index finds what asking every rule in order finds", async () => {
  const given = fc.array(fc.record({ when, do: pick("inspect", "block", "splice") }), {
    maxLength: 100,
    size: "max",
  })
  fc.assert(
    fc.property(given, fc.array(connection, { minLength: 5, maxLength: 5 }), (list, all) => {
      const rules = Rules.parse(
        list.map((rule, index) => ({
          ...rule,
          name: `r${index}`,
        })),
      )
      const policy = preparePolicy({ rules, control }, [])
      const compiled = rules.map(({ name, when, do: does }) => ({
        name,
        conditions: compileConditions(when, does === "splice" ? "own" : "any"),
      }))
      return all.every((said) => {
        const view = new ConnectionView(facts(said))
        const first = compiled.find(({ conditions }) =>
          conditions.every((condition) => condition.holds(view, noon)),
        )
        return policy.rules.first(view, noon)?.value.name === first?.name
      })
    }),
    { numRuns: 80 },
  )
})

/** A thing for each of these: host and port. */
function thing(order: number, host: string | null, port: number | null): Ranked<string> {
  const { conditions, facets } = {
    conditions: compileConditions(
      Conditions.parse({ ...(host && { sni: [host] }), ...(port && { port: [port] }) }),
      "own",
    ),
    facets: facetsOf({ ...(host && { host: [host] }), ...(port && { port: [port] }) }),
  }
  return { value: `${order} ${host} ${port}`, order, tie: "", conditions, facets }
}

t.test("what is taken out is not found any more, and what it hid is", async (t) => {
  const index = new RankedIndex<string>()
  const view = new ConnectionView(facts())
  const things = Array.from({ length: 30 }, (_, i) =>
    thing(i, i % 3 === 2 ? null : "api.example.org", i % 2 ? 443 : null),
  )
  for (const one of things.toReversed()) index.add(one)
  for (const one of things) {
    t.equal(index.first(view, noon), one)
    index.remove(one)
  }
  t.equal(index.first(view, noon), null)
  t.equal(index.size, 0)
})

t.test("taking out what was never there changes nothing", async (t) => {
  const inside = thing(1, "api.example.org", 443)
  const index = new RankedIndex([inside])
  index.remove(thing(1, "api.example.org", 443))
  t.equal(index.first(new ConnectionView(facts()), noon), inside)
})

t.test("all things are given in their order", async (t) => {
  const index = new RankedIndex([thing(2, "b.example", null), thing(1, "a.example", null)])
  t.same(
    index.all().map(({ order }) => order),
    [1, 2],
  )
})

t.test("only what can match is asked, however many share an anchor", async (t) => {
  const shapes: [name: string, when: (i: number) => object, said: object][] = [
    [
      "one host, a group each",
      (i) => ({ sni: ["api.example.org"], "device-group": [`g${i}`] }),
      { device_groups: ["field", "g7"] },
    ],
    [
      "one group, a host each",
      (i) => ({ "device-group": ["field"], sni: [`h${i}.example`] }),
      { sni: "h7.example" },
    ],
    [
      "one host, a network each",
      (i) => ({ sni: ["*.org"], client: [`172.16.${i}.0/24`] }),
      { client_ip: "172.16.7.1" },
    ],
    ["ALPN alone", (i) => ({ alpn: [`p${i}`] }), { alpn_offered: ["h2", "p7"] }],
    ["listener alone", (i) => ({ listener: [`l${i}`] }), { listener: "l7" }],
    [
      "agreement and ALPN",
      (i) => ({ "name-agrees": ["unknown"], alpn: [`p${i}`] }),
      { alpn_offered: ["p7"] },
    ],
    [
      "several hosts and ports",
      (i) => ({ sni: ["*.org", `h${i}.x`], port: [i + 1000, i + 1] }),
      { destination_port: 8 },
    ],
  ]
  for (const [name, when, said] of shapes) {
    const list = Array.from({ length: 200 }, (_, i) => ({
      name: `r${i}`,
      when: when(i),
      do: "splice",
    }))
    let asked = 0
    const rules = preparePolicy({ rules: Rules.parse(list), control }, []).rules
    const counting = new RankedIndex(
      rules.all().map((one) => ({
        ...one,
        conditions: [
          {
            asks: "",
            shows: () => "",
            holds: () => {
              asked += 1
              return true
            },
          },
          ...one.conditions,
        ],
      })),
    )
    t.equal(counting.first(new ConnectionView(facts(said)), noon)?.value.name, "r7", name)
    t.ok(asked > 0 && asked <= 8, `${name}: ${asked} of 200`)
  }
})

t.test("the same decision, through decide", async (t) => {
  const rules = Rules.parse(
    Array.from({ length: 40 }, (_, i) => ({ name: `r${i}`, when: { port: [i + 1] }, do: "block" })),
  )
  const policy = preparePolicy({ rules, control }, [])
  t.equal(decide(facts({ destination_port: 40 }), policy, noon).rule, "r39")
  t.equal(decide(facts({ destination_port: 41 }), policy, noon).rule, "default")
})

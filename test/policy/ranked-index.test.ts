import fc from "fast-check"
import t from "tap"
import { compileConditions } from "../../src/policy/conditions.ts"
import { ConnectionView } from "../../src/policy/connection-view.ts"
import { decide } from "../../src/policy/decide.ts"
import { preparePolicy } from "../../src/policy/prepare.ts"
import { Conditions, Rules } from "../../src/policy/settings.ts"
import { control, facts, noon } from "./given.ts"

const pick = <Value>(...values: Value[]) => fc.constantFrom(...values)
const maybe = <Value>(...values: Value[]) =>
  fc.option(fc.uniqueArray(pick(...values), { minLength: 1, maxLength: 2 }), { nil: undefined })

const names = ["a.example", "b.a.example", "c.example"] as const
const when = fc.record({
  client: maybe("10.0.0.0/8", "10.1.0.0/16", "2001:db8::/32"),
  "device-group": maybe("field", "office"),
  sni: maybe(...names, "*.a.example", "*.example", "192.0.2.0/24"),
  destination: maybe("192.0.2.0/24", "0.0.0.0/0"),
  port: maybe(443, 8443),
  stack: maybe("one", "two"),
})
const connection = fc.record({
  client_ip: pick("10.1.0.1", "10.2.0.1", "2001:db8::1", "192.0.2.1"),
  device_groups: pick<string[]>([], ["field"], ["office", "field"]),
  sni: pick<string | null>(null, ...names),
  connect_host: pick<string | null>(null, ...names, "192.0.2.7"),
  destination_ip: pick<string | null>(null, "192.0.2.7", "198.51.100.1"),
  destination_port: pick(443, 8443),
  stack: pick<string | null>(null, "one", "two"),
})

t.test("the index finds what asking every rule in order finds", async () => {
  const given = fc.array(fc.record({ when, do: pick("inspect", "block", "splice") }), {
    maxLength: 12,
  })
  fc.assert(
    fc.property(given, connection, (list, said) => {
      const rules = Rules.parse(
        list.map((rule, index) => ({
          ...rule,
          name: `r${index}`,
          when: Object.fromEntries(Object.entries(rule.when).filter(([, value]) => value)),
        })),
      )
      const view = new ConnectionView(facts(said))
      const first = rules.find((rule) =>
        compileConditions(Conditions.parse(rule.when), rule.do === "splice" ? "own" : "any").every(
          (condition) => condition.holds(view, noon),
        ),
      )
      const decision = decide(facts(said), preparePolicy({ rules, control }, []), noon)
      const found = decision.rule === "name-disagrees" && first?.do === "splice"
      return found || decision.rule === (first?.name ?? "default")
    }),
    { numRuns: 150 },
  )
})

import t from "tap"
import { decide } from "../../src/policy/decide.ts"
import { opensOrigins } from "../../src/policy/origin-choice.ts"
import { preparePolicy } from "../../src/policy/prepare.ts"
import { Rule } from "../../src/policy/settings.ts"
import { control, facts, noon, rules } from "./given.ts"

const decided = (rule: object, given = {}) =>
  decide(facts(given), preparePolicy({ rules: rules([{ name: "a", ...rule }]), control }, []), noon)
const api = { sni: ["api.example.org"] }
const opening = { "on-untrusted": "splice" }

t.test("a choice opens something if anything in it is splice", async (t) => {
  t.equal(opensOrigins(undefined), false)
  t.equal(opensOrigins({}), false)
  t.equal(opensOrigins({ "on-untrusted": "refuse" }), false)
  t.equal(opensOrigins({ "on-untrusted": "refuse", "on-no-name": "splice" }), true)
})

t.test("only a rule that inspects says what becomes of a bad origin", async (t) => {
  t.equal(Rule.safeParse({ name: "a", do: "inspect", origin: opening }).success, true)
  for (const kind of ["splice", "block"])
    t.match(Rule.safeParse({ name: "a", do: kind, origin: opening }).error?.message, /inspects/)
})

t.test("a rule that opens origins by a name goes by the client's own host", async (t) => {
  t.match(decided({ when: api, do: "inspect", origin: opening }), {
    do: "inspect",
    rule: "a",
    by_name: true,
    needs_resolution: true,
    origin: opening,
  })
  t.match(decided({ do: "inspect", origin: opening }), { by_name: false, origin: opening })
  const other = { sni: "c2.evil.example", connect_host: "api.example.org" }
  t.match(decided({ when: api, do: "inspect", origin: opening }, other), { rule: "default" })
  const hidden = { sni: "api.example.org", connect_host: "c2.evil.example" }
  const disagrees = decided({ when: api, do: "inspect", origin: opening }, hidden)
  t.match(disagrees, { rule: "name-disagrees" })
  t.equal(disagrees.origin, undefined)
})

t.test("a rule that only closes goes by every host that the connection names", async (t) => {
  const closing = { "on-untrusted": "refuse" }
  const other = { sni: "c2.evil.example", connect_host: "api.example.org" }
  t.match(decided({ when: api, do: "inspect", origin: closing }, other), {
    rule: "a",
    by_name: false,
    origin: closing,
  })
})

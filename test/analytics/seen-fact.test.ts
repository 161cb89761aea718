import t from "tap"
import { SeenFacts } from "../../src/analytics/seen-fact.ts"
import { attempt, ca2, flow, stack2 } from "../support/records.ts"

const base = attempt("api.bank.example", 0, "refused-alert", { id: "a" })

t.test("attempts that differ in time, port and id alone share what is read of them", async (t) => {
  const seen = new SeenFacts()
  const other = { ...base, id: "b", client_port: 1, observed_at: "2026-11-21T01:00:00.000Z" }
  t.equal(seen.attempt(base), seen.attempt(other))
})

const others: [name: string, over: Partial<typeof base>][] = [
  ["outcome", { outcome: "refused-close" }],
  ["strength", { strength: "weak" }],
  ["alert", { alert: 48 }],
  ["name", { sni: "x.example" }],
  ["no name", { sni: null }],
  ["CONNECT host", { connect_host: "x.example" }],
  ["stack", { stack: stack2 }],
  ["issuing CA", { issuing_ca: ca2 }],
  ["configuration", { sensor_config: "c2" }],
  ["sensor", { sensor_id: "s2" }],
  ["site", { site: "branch" }],
  ["tenant", { tenant: "t2" }],
  ["end", { end: "rst" }],
  ["ECH", { ech_offered: true }],
  ["upstream", { upstream: { ...base.upstream, status: "untrusted" } }],
  ["public trust", { upstream: { ...base.upstream, public_trust: false } }],
]
for (const [name, over] of others)
  t.test(`another ${name} is another fact, and nothing of it is lost`, async (t) => {
    const seen = new SeenFacts()
    const [one, other] = [seen.attempt(base), seen.attempt({ ...base, ...over })]
    t.not(one, other)
    t.match({ ...base, ...over }, other)
  })

t.test("of a flow all that is read is kept", async (t) => {
  const one = flow("api.bank.example", 0)
  t.match(one, new SeenFacts().flow(one))
})

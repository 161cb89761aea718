/** Rules about a destination's network, against a client whose name resolves to several addresses. */
import { createServer } from "node:tls"
import t from "tap"
import {
  handshake,
  listening,
  originCa,
  originCertificate,
  testSensor,
  tlsThrough,
} from "../support/sensor.ts"

/** Nobody listens at the first; the attacker, with a certificate that nobody knows, at the second. */
const allowed = "127.0.0.8"
const attackers = "127.0.0.9"
const name = "c2.test"
let reached = 0
const attacker = createServer(originCertificate("else.test"), () => {})
attacker.on("connection", () => {
  reached += 1
})
const port = await listening(t, attacker, attackers)
const target = `${name}:${port}`
const lookup = async () => [allowed, attackers]
const to = (address: string) => ({ destination: [`${address}/32`] })

t.test("a splice by destination dials no other address that the name has", async (t) => {
  for (const when of [to(allowed), { ...to(allowed), sni: [name] }]) {
    const rules = [{ name: "let-go", when, do: "splice" }]
    const sensor = await testSensor(t, { rules, lookup })
    reached = 0
    const client = await tlsThrough(sensor, target, { rejectUnauthorized: false })
    t.equal((await handshake(client)).ok, false)
    t.match(await sensor.flow(), { verdict: "failed", rule: "let-go" })
    t.equal(reached, 0)
  }
})

t.test("a blocked destination is blocked whichever of the name's addresses it is", async (t) => {
  const rules = [{ name: "no", when: to(attackers), do: "block" }]
  const sensor = await testSensor(t, { rules, lookup })
  reached = 0
  const client = await tlsThrough(sensor, target)
  t.equal((await handshake(client)).ok, false)
  t.match(await sensor.attempt(), { decision: "block", rule: "no" })
  t.equal(reached, 0)
})

t.test(
  "an origin is passed on unread only within the destination that its rule names",
  async (t) => {
    const inspect = { do: "inspect", origin: { "on-untrusted": "splice" } }
    const judged = { ca: originCa.certPem, rejectUnauthorized: false }
    const outside = await testSensor(t, {
      rules: [{ name: "lax", when: to(allowed), ...inspect }],
      lookup,
    })
    t.equal((await handshake(await tlsThrough(outside, target, judged))).ok, false)
    t.match(await outside.attempt(), { outcome: "origin-failed", rule: "lax" })

    const inside = await testSensor(t, {
      rules: [{ name: "lax", when: to(attackers), ...inspect }],
      lookup: async () => [attackers],
    })
    const client = await tlsThrough(inside, target, judged)
    t.equal((await handshake(client)).ok, true, "the rule does what it says")
    client.destroy()
    t.match(await inside.flow(), { splice_cause: "untrusted-origin", rule: "lax" })
  },
)

t.test("a client that asks for an address is judged by it, carried in IPv6 or not", async (t) => {
  const rules = [{ name: "no", when: to("203.0.113.7"), do: "block" }]
  const sensor = await testSensor(t, { rules, open: ["203.0.113.0/24", "64:ff9b::/96"] })
  for (const address of ["203.0.113.7", "[::ffff:203.0.113.7]", "[64:ff9b::203.0.113.7]"]) {
    const client = await tlsThrough(sensor, `${address}:443`, { servername: name })
    t.equal((await handshake(client)).ok, false)
    t.match(await sensor.attempt(), { decision: "block", rule: "no" }, address)
  }
})

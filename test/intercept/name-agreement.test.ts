/** Whether SNI and destination agree: how it is known, what waits for it, and what rules make of it. */
import { connect } from "node:net"
import t from "tap"
import { nameAgreement } from "../../src/intercept/name-agreement.ts"
import { defaultResolverLimits, type Lookup, Resolver } from "../../src/intercept/resolver.ts"
import { liveHello } from "../observe/real-hellos.ts"
import { type Given, type TestSensor, testSensor, tunnel } from "../support/sensor.ts"

const noName = Object.assign(new Error("no such name"), { code: "ENOTFOUND" })
const names: Record<string, string[]> = {
  "app.test": ["192.0.2.1", "2001:db8::1"],
  "mapped.test": ["::ffff:192.0.2.1"],
}
const lookup: Lookup = async (name) => {
  const addresses = names[name]
  if (!addresses) throw noName
  return addresses
}

const rows: Record<
  string,
  [sni: string | null, connectHost: string | null, ip: string | null, agrees: boolean | null]
> = {
  "the CONNECT host is the SNI": ["app.test", "app.test", null, true],
  "the same name in another form": ["App.TEST", "app.test.", null, true],
  "another CONNECT host": ["app.test", "other.test", null, false],
  "an SNI that is no name": ["*.test", "app.test", null, false],
  "an address of the name, by CONNECT": ["app.test", "192.0.2.1", null, true],
  "an IPv6 address of it in another form": ["app.test", "2001:DB8:0::1", null, true],
  "an address of the name, by the kernel's word": ["app.test", null, "192.0.2.1", true],
  "an IPv4-mapped answer": ["mapped.test", null, "192.0.2.1", true],
  "another address": ["app.test", null, "192.0.2.9", false],
  "a name that does not resolve": ["none.test", null, "192.0.2.1", null],
  "no SNI": [null, "app.test", null, null],
  "no destination": ["app.test", null, null, null],
}
for (const [name, [sni, connectHost, destinationIp, agrees]] of Object.entries(rows))
  t.test(`name and destination are compared: ${name}`, async (t) => {
    const asked: string[] = []
    const resolver = new Resolver(Date.now, defaultResolverLimits, (host) => {
      asked.push(host)
      return lookup(host)
    })
    const said = { sni, connectHost, destinationIp }
    t.equal(await nameAgreement(said, { resolver, upstreamProxy: null }), agrees)
    if (sni !== null && connectHost !== null && !/^[\d:]/.test(connectHost))
      t.same(asked, [], "where names are compared nobody is asked")
    const again = nameAgreement(said, { resolver, upstreamProxy: null })
    if (agrees !== null) t.equal(again, agrees, "what is known is answered at once")
  })

const relays: NonNullable<Given["listeners"]> = [
  {
    name: "balanced",
    kind: "relayed",
    listen: "127.0.0.1:0",
    "proxy-protocol-from": ["127.0.0.1"],
  },
]
const start = (t: { teardown(fn: () => unknown): void }, given: Given) =>
  testSensor(t, { listeners: relays, clients: ["192.0.2.7"], ...given })

/** A ClientHello for `app.test` to port 1 of an address: nobody is there. */
async function visit(sensor: TestSensor, address: string) {
  const socket = connect(sensor.port, "127.0.0.1")
  socket.on("error", () => {})
  socket.write(`PROXY TCP4 192.0.2.7 ${address} 1 1\r\n`)
  socket.write(await liveHello({ servername: "app.test" }))
  const attempt = await sensor.attempt()
  socket.destroy()
  return attempt
}

t.test("every attempt says whether name and destination agree", async (t) => {
  const sensor = await start(t, { lookup: async () => ["127.0.0.1"] })
  t.match(await visit(sensor, "127.0.0.1"), { name_agrees: true, rule: "default" })
  t.match(await visit(sensor, "127.0.0.2"), { name_agrees: false, rule: "default" })
  const explicit = await testSensor(t)
  for (const [host, name_agrees] of [
    ["app.test", true],
    ["other.test", false],
    ["127.0.0.1", true],
    ["127.0.0.9", false],
  ] as const) {
    const socket = await tunnel(explicit, `${host}:1`)
    socket.write(await liveHello({ servername: "app.test" }))
    t.match(await explicit.attempt(), { name_agrees, connect_host: host })
    socket.destroy()
  }
})

t.test("a rule can ask for it, and the decision waits for the answer", async (t) => {
  const sensor = await start(t, {
    rules: [{ name: "strangers", when: { "name-agrees": ["no"] }, do: "block" }],
    lookup: async () => {
      await new Promise((resolve) => setTimeout(resolve, 50))
      return ["127.0.0.1"]
    },
  })
  t.match(await visit(sensor, "127.0.0.2"), { decision: "block", rule: "strangers" })
  t.match(await visit(sensor, "127.0.0.1"), { decision: "inspect", name_agrees: true })
})

const never: Lookup = () => new Promise(() => {})
const resolver = () => new Resolver(Date.now, { ...defaultResolverLimits, deadline: 100 }, never)

t.test("no answer in time is an answer: unknown", async (t) => {
  const rules = [{ name: "unknown", when: { "name-agrees": ["unknown"] }, do: "block" }]
  const sensor = await start(t, { rules, deps: { resolver: resolver() } })
  t.match(await visit(sensor, "127.0.0.1"), { rule: "unknown", name_agrees: null })
})

t.test("where no rule asks, nothing waits for a resolver that does not answer", async (t) => {
  const { promise, resolve } = Promise.withResolvers<string[]>()
  const limits = { ...defaultResolverLimits, deadline: 60_000 }
  const slow = new Resolver(Date.now, limits, () => promise)
  const sensor = await start(t, { deps: { resolver: slow } })
  t.match(await visit(sensor, "127.0.0.1"), { outcome: "origin-failed", name_agrees: null })
  resolve([])
})

t.test("a client that leaves while its name is looked up is an attempt all the same", async (t) => {
  const rules = [{ name: "unknown", when: { "name-agrees": ["unknown"] }, do: "block" }]
  const sensor = await start(t, { rules, deps: { resolver: resolver() } })
  const socket = connect(sensor.port, "127.0.0.1")
  socket.write("PROXY TCP4 192.0.2.7 127.0.0.1 1 1\r\n")
  socket.write(await liveHello({ servername: "app.test" }))
  await new Promise((resolve) => setTimeout(resolve, 30))
  socket.resetAndDestroy()
  t.match(await sensor.attempt(), { outcome: "abandoned", end: "rst", ended_by: "client" })
  t.match(sensor.sensor.counts, { accepted: 1, attempts: 1 })
})

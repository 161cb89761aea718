/** Names and addresses that lead where nobody may go, by a DNS server that helps (docs/attacks.md). */
import { mkdtempSync, rmSync } from "node:fs"
import { connect, createServer } from "node:net"
import { tmpdir } from "node:os"
import { join } from "node:path"
import t from "tap"
import { askNames } from "../../../src/intercept/ask-names.ts"
import { defaultResolverLimits, Resolver } from "../../../src/intercept/resolver.ts"
import { parseNetwork } from "../../../src/policy/destination/addresses.ts"
import { makeGuard } from "../../../src/policy/destination/guard.ts"
import { helloBytes, sniExtension, versionsExtension } from "../../observe/hello-bytes.ts"
import { type DnsRecord, type DnsServer, dnsServer } from "../../support/dns-server.ts"
import {
  type Given,
  listening,
  pause,
  type TestSensor,
  testSensor,
  tunnel,
} from "../../support/sensor.ts"

const folder = mkdtempSync(join(tmpdir(), "pinsensor-attacks-"))
t.teardown(() => rmSync(folder, { recursive: true, force: true }))

const a = (value: string): DnsRecord => ({ type: "A", ttl: 0, value })
const aaaa = (value: string): DnsRecord => ({ type: "AAAA", ttl: 0, value })
const alias = (value: string): DnsRecord => ({ type: "CNAME", ttl: 0, value })
const hello = (name: string) =>
  helloBytes({ extensions: [sniExtension(name), versionsExtension([0x0304])] })

/** Whoever is reached says so: the address at which a connection came in. */
const reached: string[] = []
const trap = createServer((socket) => {
  reached.push(socket.localAddress ?? "")
  socket.end()
})
const port = await listening(t, trap, "0.0.0.0")

/** Everything below `attack.test` is let pass; only 127.0.0.1 may be dialled. */
async function start(
  t: Parameters<typeof testSensor>[0],
  answer: DnsServer["answer"],
  given: Given = {},
) {
  reached.length = 0
  const server = await dnsServer(answer)
  t.teardown(() => server.close())
  const ask = askNames({
    hosts: {},
    dns: { servers: [server.address] },
    clock: Date.now,
    file: join(folder, "none"),
  })
  const sensor = await testSensor(t, {
    rules: [{ name: "let-go", when: { sni: ["*.attack.test"] }, do: "splice" }],
    ...given,
    deps: {
      // Each question is asked anew: nothing is remembered that could help.
      resolver: new Resolver(Date.now, { ...defaultResolverLimits, leastTtl: 0 }, ask),
      guard: makeGuard({
        ownAddresses: ["203.0.113.5"],
        allowDestinations: [parseNetwork("127.0.0.1/32")],
      }),
      ...given.deps,
    },
  })
  return { sensor, server }
}

const byType =
  (...records: DnsRecord[]): DnsServer["answer"] =>
  (_, type) => ({ records: records.filter((one) => one.type === type || one.type === "CNAME") })

/** The record of a connection to a name, by CONNECT and the same SNI. */
async function visit({ attempts, flows, ...sensor }: TestSensor, name: string) {
  const before = attempts.length + flows.length
  const socket = await tunnel(sensor, `${name}:${port}`)
  socket.on("end", () => socket.end())
  socket.write(hello(name))
  socket.resume()
  for (let n = 0; attempts.length + flows.length === before && n < 400; n++) await pause(5)
  socket.destroy()
  return flows.at(-1) ?? attempts.at(-1)
}

t.test("a bypassed name that resolves to a closed address gets no tunnel", async (t) => {
  const rows: [where: string, records: DnsRecord[]][] = [
    ["loopback", [a("127.0.0.2")]],
    ["this host", [a("0.0.0.0")]],
    ["link-local", [a("169.254.7.7")]],
    ["cloud metadata", [a("169.254.169.254")]],
    ["cloud metadata of another vendor", [a("100.100.100.200")]],
    ["cloud metadata over IPv6", [aaaa("fd00:ec2::254")]],
    ["the sensor itself", [a("203.0.113.5")]],
    ["loopback over IPv6", [aaaa("::1")]],
    ["IPv4-mapped loopback", [aaaa("::ffff:7f00:2")]],
    ["IPv4-compatible loopback", [aaaa("::7f00:2")]],
    ["loopback by NAT64", [aaaa("64:ff9b::7f00:2")]],
    ["metadata by NAT64", [aaaa("64:ff9b::a9fe:a9fe")]],
    ["loopback by a NAT64 prefix of the site's own", [aaaa("64:ff9b:1::7f00:2")]],
    ["loopback by 6to4", [aaaa("2002:7f00:2::1")]],
    ["loopback by Teredo", [aaaa("2001:0:7f00:2::1")]],
    ["loopback by ISATAP", [aaaa("2001:db8::5efe:7f00:2")]],
    [
      "an alias of a name that resolves there",
      [alias("inside.test"), { ...a("169.254.169.254"), name: "inside.test" }],
    ],
    ["several closed ones", [a("127.0.0.2"), a("127.0.0.3"), aaaa("::1")]],
  ]
  const { sensor } = await start(t, (name, type) =>
    byType(...(rows[Number.parseInt(name, 10)]?.[1] ?? []))(name, type),
  )
  for (const [n, [where]] of rows.entries())
    await t.rejects(tunnel(sensor, `${n}.attack.test:${port}`), /403/, where)
  t.equal(sensor.sensor.counts.guarded, rows.length)
  t.same(reached, [])
})

t.test("forms of a closed address that CONNECT may name get no tunnel", async (t) => {
  const { sensor } = await start(t, byType())
  const forms = [
    "[::ffff:127.0.0.2]",
    "[::ffff:7f00:2]",
    "[::127.0.0.2]",
    "[::ffff:0:127.0.0.2]",
    "[64:ff9b::127.0.0.2]",
    "[64:ff9b::a9fe:a9fe]",
    "[64:ff9b:1::7f00:2]",
    "[2002:7f00:2::]",
    "[2001:0:7f00:2::]",
    "[2001:db8::5efe:7f00:2]",
    "[fe80::1%25lo]",
    "203.0.113.5",
    "[::ffff:203.0.113.5]",
  ]
  for (const form of forms) await t.rejects(tunnel(sensor, `${form}:${port}`), /40[03]/, form)
  t.same(reached, [])
})

t.test(
  "of a mixture only the open addresses are dialled, in whatever order they come",
  async (t) => {
    for (const records of [
      [a("127.0.0.2"), a("127.0.0.1"), a("127.0.0.3")],
      [a("127.0.0.1"), a("127.0.0.2")],
    ]) {
      const { sensor } = await start(t, byType(...records, aaaa("::1")))
      t.match(await visit(sensor, "x.attack.test"), {
        decision: "splice",
        destination_ip: "127.0.0.1",
      })
      t.same(reached, ["127.0.0.1"])
    }
  },
)

t.test("what is dialled is what was checked: there is no second question", async (t) => {
  let asked = 0
  const { sensor, server } = await start(t, (_, type) => ({
    records: type === "A" ? [a(asked++ % 2 === 0 ? "127.0.0.1" : "127.0.0.2")] : [],
  }))
  for (let n = 0; n < 3; n++) {
    const before = server.asked.length
    t.match(await visit(sensor, "x.attack.test"), {
      decision: "splice",
      destination_ip: "127.0.0.1",
    })
    t.same(server.asked.slice(before).sort(), ["A x.attack.test", "AAAA x.attack.test"])
    await t.rejects(tunnel(sensor, `x.attack.test:${port}`), /403/, "the next answer is closed")
  }
  t.same([...new Set(reached)], ["127.0.0.1"])
})

t.test("a name that changes its mind for a client that came with an address", async (t) => {
  const listeners: Given["listeners"] = [
    {
      name: "firewall",
      kind: "relayed",
      listen: "127.0.0.1:0",
      "proxy-protocol-from": ["127.0.0.1"],
    },
  ]
  let answers: string[] = []
  const { sensor } = await start(
    t,
    (_, type) => ({ records: type === "A" ? [a(answers.shift() ?? "127.0.0.2")] : [] }),
    { listeners, clients: ["192.0.2.7"] },
  )
  const rows: [what: string, answers: string[], rule: string][] = [
    ["away from where it is", ["127.0.0.2", "127.0.0.2"], "name-disagrees"],
    ["from there to another, between two questions", ["127.0.0.1", "127.0.0.2"], "let-go"],
  ]
  for (const [what, told, rule] of rows) {
    answers = [...told]
    const before = reached.length
    const socket = connect(sensor.port, "127.0.0.1")
    socket.on("error", () => {})
    socket.write(`PROXY TCP4 192.0.2.7 127.0.0.1 1 ${port}\r\n`)
    socket.write(hello("y.attack.test"))
    socket.resume()
    const count = () => sensor.attempts.length + sensor.flows.length
    const had = count()
    for (let n = 0; count() === had && n < 400; n++) await pause(5)
    socket.destroy()
    const record = rule === "let-go" ? sensor.flows.at(-1) : sensor.attempts.at(-1)
    t.match(record, { rule, destination_ip: "127.0.0.1" }, what)
    t.same([...new Set(reached.slice(before))], ["127.0.0.1"], "never the closed one")
  }
})

/** Names by real DNS servers on loopback: slow ones, dead ones, ones that change their minds. */
import { mkdtempSync, rmSync, utimesSync, writeFileSync } from "node:fs"
import { connect } from "node:net"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { createServer, connect as tlsConnect } from "node:tls"
import t from "tap"
import { askNames } from "../../src/intercept/ask-names.ts"
import { askSystem } from "../../src/intercept/ask-system.ts"
import { DnsSettings, resolverLimits } from "../../src/intercept/dns-settings.ts"
import { parseHosts } from "../../src/intercept/hosts-file.ts"
import {
  defaultResolverLimits,
  Resolver,
  type ResolverLimits,
} from "../../src/intercept/resolver.ts"
import { type DnsAnswer, type DnsRecord, type DnsServer, dnsServer } from "../support/dns-server.ts"

import {
  inspectionCa,
  listening,
  originCa,
  originCertificate,
  received,
  testSensor,
} from "../support/sensor.ts"

const folder = mkdtempSync(join(tmpdir(), "pinsensor-dns-"))
t.teardown(() => rmSync(folder, { recursive: true, force: true }))
const second = 1_000
const minute = 60 * second

interface Names {
  names: Resolver
  server: DnsServer
  troubles: string[]
  /** The clock of the resolver. */
  time: { now: number }
}

/** A resolver that asks `answer`, with a clock of its own. */
async function resolver(
  t: { teardown(fn: () => unknown): void },
  answer: DnsServer["answer"],
  limits: Partial<ResolverLimits> = {},
): Promise<Names> {
  const server = await dnsServer(answer)
  t.teardown(() => server.close())
  const time = { now: 0 }
  const clock = () => time.now
  const troubles: string[] = []
  const ask = askNames({
    hosts: {},
    dns: { servers: [server.address] },
    clock,
    file: join(folder, "none"),
  })
  const names = new Resolver(clock, { ...defaultResolverLimits, ...limits }, ask, (name, because) =>
    troubles.push(`${name} ${because}`),
  )
  return { names, server, troubles, time }
}

const a = (value: string, ttl = 60): DnsRecord => ({ type: "A", ttl, value })
const aaaa = (value: string, ttl = 60): DnsRecord => ({ type: "AAAA", ttl, value })
/** These records by their type. */
const holds =
  (...records: DnsRecord[]) =>
  (_: string, type: string): DnsAnswer => ({ records: records.filter((one) => one.type === type) })

t.test("both families are asked for, and come in turns", async (t) => {
  const all = [a("192.0.2.1"), a("192.0.2.2"), a("192.0.2.3"), aaaa("2001:db8::1")]
  const { names, server } = await resolver(t, holds(...all))
  const addresses = await names.resolve("both.test")
  t.strictSame(
    addresses
      .map((one) => one.includes(":"))
      .slice(0, 2)
      .sort(),
    [false, true],
  )
  t.strictSame([...addresses].sort(), all.map(({ value }) => value).sort())
  t.strictSame(server.asked.sort(), ["A both.test", "AAAA both.test"])
})

t.test("one family is not waited for long, and asked for again soon", async (t) => {
  const { names, server, time } = await resolver(t, (_, type) =>
    type === "A" ? { records: [a("192.0.2.1", 3_600)] } : null,
  )
  const began = performance.now()
  t.strictSame(await names.resolve("half.test"), ["192.0.2.1"])
  t.ok(performance.now() - began < 1_200)
  time.now = defaultResolverLimits.leastTtl
  server.answer = holds(a("192.0.2.1"), aaaa("2001:db8::1"))
  t.equal(names.known("half.test"), null)
  t.equal((await names.resolve("half.test")).length, 2)
})

t.test("slow names do not keep others waiting, however many they are", async (t) => {
  const answer: DnsServer["answer"] = (name, type) =>
    name.startsWith("slow") ? null : holds(a("192.0.2.1"))(name, type)
  const { names, server } = await resolver(t, answer, { deadline: 2_000 })
  // More at once would not fit into the socket of a server that shares our event loop.
  const slow = Array.from({ length: 100 }, (_, n) => names.resolve(`slow-${n}.test`))
  const results = Promise.allSettled(slow)
  const began = performance.now()
  t.strictSame(await names.resolve("quick.test"), ["192.0.2.1"])
  t.ok(performance.now() - began < 1_900, "at once")
  t.ok(server.asked.length >= 200, "and all were asked")
  for (const { status } of await results) t.equal(status, "rejected")
})

t.test("an answer holds as long as it says, within bounds", async (t) => {
  const rows: [ttl: number, ms: number][] = [
    [0, defaultResolverLimits.leastTtl],
    [60, minute],
    [86_400, defaultResolverLimits.ttl],
  ]
  const { names, server, time } = await resolver(t, (name, type) =>
    holds(a("192.0.2.1", Number(name.split(".")[0])))(name, type),
  )
  for (const [ttl, ms] of rows) {
    const name = `${ttl}.test`
    time.now = 0
    await names.resolve(name)
    time.now = ms - 1
    t.strictSame(names.known(name), ["192.0.2.1"], `${ttl} s`)
    time.now = ms
    t.equal(names.known(name), null)
    const asked = server.asked.length
    await names.resolve(name)
    t.equal(server.asked.length, asked + 2)
  }
})

t.test("that a name does not exist is an answer, remembered for a short time", async (t) => {
  const { names, server, troubles, time } = await resolver(t, () => ({ rcode: 3 }))
  await t.rejects(names.resolve("none.test"), { code: "ENOTFOUND" })
  const asked = server.asked.length
  await t.rejects(names.resolve("none.test"), { code: "ENOTFOUND" })
  t.equal(server.asked.length, asked)
  time.now = defaultResolverLimits.negativeTtl
  await t.rejects(names.resolve("none.test"), { code: "ENOTFOUND" })
  t.ok(server.asked.length > asked)
  server.answer = () => ({})
  await t.rejects(names.resolve("mail-only.test"), { code: "ENODATA" })
  t.strictSame(troubles, [], "no server is to blame")
})

t.test("aliases are followed, and hold as long as the shortest of their parts", async (t) => {
  const { names, time } = await resolver(t, (_, type) => ({
    records: [
      { type: "CNAME", ttl: 20, value: "edge.cdn.test" },
      ...(type === "A" ? [{ ...a("192.0.2.7", 300), name: "edge.cdn.test" }] : []),
    ],
  }))
  t.strictSame(await names.resolve("www.test"), ["192.0.2.7"])
  time.now = 20 * second
  t.equal(names.known("www.test"), null)
})

t.test("an answer that fits no datagram comes over TCP, and is cut at 64 addresses", async (t) => {
  const many = Array.from({ length: 200 }, (_, n) => a(`192.0.2.${n}`))
  const { names, server } = await resolver(t, holds(...many))
  t.equal((await names.resolve("huge.test")).length, 64)
  t.ok(server.overTcp > 0)
})

t.test(
  "while no server answers the last answer is used, and the next one when they are back",
  async (t) => {
    const rows: [title: string, down: DnsServer["answer"]][] = [
      ["silent", () => null],
      ["SERVFAIL", () => ({ rcode: 2 })],
      ["REFUSED", () => ({ rcode: 5 })],
    ]
    for (const [title, down] of rows)
      await t.test(title, async (t) => {
        const limits = { staleAfter: 50 }
        const { names, server, time } = await resolver(t, holds(a("192.0.2.1")), limits)
        await names.resolve("www.test")
        server.answer = down
        time.now = 30 * minute
        const began = performance.now()
        t.strictSame(await names.resolve("www.test"), ["192.0.2.1"])
        t.ok(performance.now() - began < 1_200, "nobody waits long")
        t.strictSame(names.known("www.test"), ["192.0.2.1"], "nor is asked again at once")
        t.equal(names.counts.stale, 1)
        server.answer = holds(a("192.0.2.2"))
        time.now += defaultResolverLimits.recheck
        // A question that still waits for the dead server is followed by another one.
        let got: readonly string[] = []
        for (let turn = 0; turn < 100 && got[0] !== "192.0.2.2"; turn++) {
          got = await names.resolve("www.test").catch(() => [])
          if (got[0] !== "192.0.2.2") await new Promise((resolve) => setTimeout(resolve, 50))
          time.now += defaultResolverLimits.recheck / 20
        }
        t.strictSame(got, ["192.0.2.2"])
      })
  },
)

t.test("an old answer is used for a bounded time, and never for a name that is gone", async (t) => {
  const { names, server, time, troubles } = await resolver(t, holds(a("192.0.2.1")))
  await names.resolve("www.test")
  await names.resolve("gone.test")
  server.answer = (name) => (name === "gone.test" ? { rcode: 3 } : { rcode: 2 })
  time.now = 2 * minute
  await t.rejects(names.resolve("gone.test"), { code: "ENOTFOUND" })
  time.now = minute + defaultResolverLimits.staleFor
  await t.rejects(names.resolve("www.test"), { code: "ESERVFAIL" })
  t.strictSame(troubles, ["www.test ESERVFAIL"])
  t.match(names.counts, { failed: 1, stale: 0 })
})

t.test("a name that nobody answers for is not waited for twice", async (t) => {
  const { names, troubles, time } = await resolver(t, () => null, { deadline: 400 })
  await t.rejects(names.resolve("slow.test"), { code: "ETIMEOUT" })
  const began = performance.now()
  await t.rejects(names.resolve("slow.test"), { code: "ETIMEOUT" })
  t.ok(performance.now() - began < 350)
  t.strictSame(troubles, ["slow.test ETIMEOUT"])
  time.now = defaultResolverLimits.slowTtl - 1
  await t.rejects(names.resolve("slow.test"), { code: "ETIMEOUT" })
  t.equal(names.counts.asked, 1)
})

t.test("an answer that comes after everybody has given up is kept", async (t) => {
  const { names } = await resolver(
    t,
    (name, type) => ({ ...holds(a("192.0.2.1"))(name, type), delayMs: 250 }),
    { deadline: 50 },
  )
  await t.rejects(names.resolve("late.test"), { code: "ETIMEOUT" })
  for (let turn = 0; turn < 100 && !names.known("late.test"); turn++)
    await new Promise((resolve) => setTimeout(resolve, 20))
  t.strictSame(names.known("late.test"), ["192.0.2.1"])
})

t.test("a name's addresses of the last minutes are known, and no older ones", async (t) => {
  const { names, server, time } = await resolver(t, holds(a("192.0.2.1")))
  await names.resolve("cdn.test")
  time.now = 5 * minute
  server.answer = holds(a("192.0.2.2"), a("192.0.2.3"))
  await names.resolve("cdn.test")
  t.strictSame([...names.recent("cdn.test")].sort(), ["192.0.2.1", "192.0.2.2", "192.0.2.3"])
  t.strictSame([...(names.known("cdn.test") ?? [])].sort(), ["192.0.2.2", "192.0.2.3"])
  // The first answer held until minute 1.
  time.now = minute + defaultResolverLimits.pastFor
  await names.resolve("cdn.test")
  t.strictSame([...names.recent("cdn.test")].sort(), ["192.0.2.2", "192.0.2.3"])
  t.strictSame(names.recent("never-asked.test"), [])
  for (let turn = 0; turn < 3 * defaultResolverLimits.pastAddresses; turn++) {
    time.now += defaultResolverLimits.leastTtl
    server.answer = holds(a(`198.51.100.${turn}`, 0))
    await names.resolve("rotating.test")
  }
  t.equal(names.recent("rotating.test").length, 1 + defaultResolverLimits.pastAddresses)
})

t.test(
  "a client that was told an address before it changed is still spliced by its name",
  async (t) => {
    const name = "pinned.test"
    const answers: Record<string, string[]> = { [name]: ["127.0.0.1"] }
    const time = { now: 0 }
    const lookup = async (asked: string) => ({ addresses: answers[asked] ?? [], ttl: 0 })
    const sensor = await testSensor(t, {
      rules: [{ name: "pinned", when: { sni: [name] }, do: "splice", cause: "operator" }],
      listeners: [
        {
          name: "lb",
          kind: "relayed",
          listen: "127.0.0.1:0",
          "proxy-protocol-from": ["127.0.0.1"],
        },
      ],
      deps: { resolver: new Resolver(() => time.now, defaultResolverLimits, lookup) },
    })
    const origin = createServer(originCertificate(name), (socket) => socket.end("from the origin"))
    const port = await listening(t, origin)
    const arrive = async () => {
      const socket = connect({ port: sensor.port, host: "127.0.0.1" })
      socket.write(`PROXY TCP4 10.0.0.7 127.0.0.1 1111 ${port}\r\n`)
      const options = { socket, ca: [originCa.certPem, inspectionCa.certPem], servername: name }
      const client = tlsConnect(options).on("error", () => {})
      await received(client)
      client.end()
    }
    await sensor.deps.resolver.resolve(name)
    answers[name] = ["127.0.0.2"]
    time.now = minute
    await arrive()
    t.match(await sensor.flow(), {
      name_agrees: true,
      destination_ip: "127.0.0.1",
      verdict: "used",
    })
    time.now = defaultResolverLimits.leastTtl + defaultResolverLimits.pastFor
    await arrive()
    t.match(await sensor.attempt(), { rule: "name-disagrees", name_agrees: false })
  },
)

t.test("of names under way there is a bound, and old answers hold beyond it", async (t) => {
  const { names, server, time } = await resolver(t, holds(a("192.0.2.1")), {
    asking: 2,
    deadline: 100,
  })
  await names.resolve("old.test")
  server.answer = () => null
  time.now = 2 * minute
  const waiting = Promise.allSettled([names.resolve("x.test"), names.resolve("y.test")])
  await t.rejects(names.resolve("z.test"), { code: "EBUSY" })
  t.strictSame(await names.resolve("old.test"), ["192.0.2.1"])
  t.equal(names.counts.busy, 2)
  await waiting
})

t.test("with two servers a dead one costs little", async (t) => {
  const dead = await dnsServer(() => null)
  const live = await dnsServer(holds(a("192.0.2.1")))
  t.teardown(() => Promise.all([dead.close(), live.close()]))
  const dns = { servers: [dead.address, live.address] }
  const ask = askNames({ hosts: {}, dns, clock: () => 0, file: join(folder, "none") })
  const names = new Resolver(() => 0, defaultResolverLimits, ask)
  t.strictSame(await names.resolve("one.test"), ["192.0.2.1"])
  // c-ares remembers which server failed.
  const began = performance.now()
  t.strictSame(await names.resolve("two.test"), ["192.0.2.1"])
  t.ok(performance.now() - began < 1_200)
})

t.test(
  "the operator's table comes first, then /etc/hosts, then DNS or the C library",
  async (t) => {
    const server = await dnsServer(holds(a("192.0.2.1")))
    t.teardown(() => server.close())
    const file = join(folder, "hosts")
    const clock = { now: 0 }
    writeFileSync(file, "192.0.2.50 both.test in-file.test # a comment\n")
    const asked: string[] = []
    const given = {
      hosts: { "Both.test": ["192.0.2.60"], "own.test": ["192.0.2.61", "2001:db8::61"] },
      clock: () => clock.now,
      file,
      system: async (name: string) => {
        asked.push(name)
        return ["192.0.2.70"]
      },
    }
    const ask = askNames({ ...given, dns: { servers: [server.address] } })
    t.strictSame(await ask("both.test"), ["192.0.2.60"])
    t.strictSame(await ask("own.test"), ["192.0.2.61", "2001:db8::61"])
    t.strictSame(await ask("in-file.test"), ["192.0.2.50"])
    t.match(await ask("elsewhere.test"), { addresses: ["192.0.2.1"], ttl: 60_000 })
    for (const name of ["constructor", "intranet", "x.localhost", "printer.local"])
      t.strictSame(await ask(name), ["192.0.2.70"], name)
    t.strictSame(asked, ["constructor", "intranet", "x.localhost", "printer.local"])
    writeFileSync(file, "192.0.2.51 in-file.test\n")
    utimesSync(file, 1, 1)
    t.strictSame(await ask("in-file.test"), ["192.0.2.50"], "the file is not looked at each time")
    clock.now = 5_000
    t.strictSame(await ask("in-file.test"), ["192.0.2.51"])
    rmSync(file)
    clock.now = 10_000
    t.match(await ask("in-file.test"), { addresses: ["192.0.2.1"] })
    const library = askNames({ ...given, dns: { servers: "getaddrinfo" } })
    t.strictSame(await library("elsewhere.test"), ["192.0.2.70"])
    t.strictSame(await library("own.test"), ["192.0.2.61", "2001:db8::61"])
    const own = askNames({ hosts: {}, dns: { servers: "system" }, clock: () => 0 })
    t.match(await own("localhost"), /127\.0\.0\.1|::1/, "this machine's own table")
  },
)

t.test("a table of hosts is read as hosts(5) says", async (t) => {
  const text =
    "# all\n127.0.0.1\tLocalhost  loop\n::1 localhost\n\n192.0.2.1 a.test b.test #c.test\r\nnonsense x.test\n10.0.0 y.test\n192.0.2.2"
  t.strictSame(Object.fromEntries(parseHosts(text)), {
    localhost: ["127.0.0.1", "::1"],
    loop: ["127.0.0.1"],
    "a.test": ["192.0.2.1"],
    "b.test": ["192.0.2.1"],
  })
})

t.test("of the threads of the process names get a part only", async (t) => {
  let running = 0
  let most = 0
  const ends: (() => void)[] = []
  const ask = askSystem(async () => {
    most = Math.max(most, ++running)
    await new Promise<void>((resolve) => ends.push(resolve))
    running--
    return ["192.0.2.1"]
  })
  const waiting = Array.from({ length: 264 }, (_, n) => ask(`n${n}`))
  await t.rejects(ask("one too many"), { code: "EBUSY" })
  for (let ended = 0; ended < 264; ended++) {
    while (ends.length === 0) await new Promise((resolve) => setImmediate(resolve))
    ends.shift()?.()
  }
  t.equal((await Promise.all(waiting)).length, 264)
  t.equal(most, 8)
  const failing = askSystem(async () => {
    throw new Error("no")
  })
  for (let turn = 0; turn < 9; turn++) await t.rejects(failing("x"), { message: "no" })
})

t.test("settings", async (t) => {
  for (const server of ["192.0.2.1", "192.0.2.1:5353", "2001:db8::1", "[2001:db8::1]:53"])
    t.ok(DnsSettings.safeParse({ servers: [server] }).success, server)
  for (const server of [
    "dns.test",
    "192.0.2.1:0",
    "192.0.2.1:99999",
    "[192.0.2.1]:53",
    "2001:db8::1:x",
    "",
  ])
    t.notOk(DnsSettings.safeParse({ servers: [server] }).success, server)
  t.notOk(DnsSettings.safeParse({ servers: [] }).success)
  t.equal(resolverLimits(DnsSettings.parse({ "stale-for": "0s" })).staleFor, 0)
  t.match(DnsSettings.parse({}), { servers: "system", "stale-for": 3_600_000 })
})

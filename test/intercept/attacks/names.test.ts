/** Clients that want to be let pass by the name of somebody else (docs/attacks.md has the list). */
import { generateKeyPairSync } from "node:crypto"
import { connect, type Socket } from "node:net"
import { createServer } from "node:tls"
import t from "tap"
import {
  bytes,
  type Extension,
  groupsExtension,
  helloBytes,
  signaturesExtension,
  sniExtension,
  vector16,
  versionsExtension,
} from "../../observe/hello-bytes.ts"
import { entry } from "../../policy/given.ts"
import {
  ask,
  type Given,
  handshake,
  listening,
  once,
  originCa,
  originCertificate,
  pause,
  received,
  type TestSensor,
  testSensor,
  tlsThrough,
  tunnel,
} from "../../support/sensor.ts"

const name = "app.test"
const letGo = [{ name: "let-go", when: { sni: [name] }, do: "splice" }]
const genuine = { ca: originCa.certPem }
const raw: Socket[] = []
const origin = createServer({ ...originCertificate(name), minVersion: "TLSv1.3" }, (socket) => {
  socket.once("data", () => socket.end("hello"))
})
origin.on("connection", (socket) => raw.push(socket))
const port = await listening(t, origin)

/** Arrivals as a firewall brings them, with an address and without a word about a name. */
const relays: NonNullable<Given["listeners"]> = [
  {
    name: "firewall",
    kind: "relayed",
    listen: "127.0.0.1:0",
    "proxy-protocol-from": ["127.0.0.1"],
  },
]

function toAddress(sensor: TestSensor, address: string, hello: Uint8Array): Socket {
  const socket = connect(sensor.port, "127.0.0.1")
  socket.on("error", () => {})
  socket.write(`PROXY TCP4 192.0.2.7 ${address} 1 ${port}\r\n`)
  socket.write(hello)
  return socket
}

const publicKey = generateKeyPairSync("x25519").publicKey.export({ type: "spki", format: "der" })
const keyShare = (body: Uint8Array): Extension => ({ type: 51, body: vector16(body) })
const x25519 = keyShare(bytes([0, 29, 0, 32], publicKey.subarray(-32)))

/** A ClientHello of TLS 1.3 that this origin answers, with this in the place of a name. */
function hello(sni: string | null, share = x25519, ...more: Extension[]): Uint8Array {
  return helloBytes({
    extensions: [
      ...(sni === null ? [] : [sniExtension(sni)]),
      versionsExtension([0x0304]),
      groupsExtension([29]),
      signaturesExtension([0x0403, 0x0804]),
      share,
      ...more,
    ],
  })
}

/** What became of a hello: the record of it, once the client has had an answer and left. */
async function fate(sensor: TestSensor, socket: Socket) {
  const [attempts, flows] = [sensor.attempts.length, sensor.flows.length]
  await Promise.race(["data", "end", "close"].map((event) => once(socket, event)))
  socket.destroy()
  for (;;) {
    const [attempt, flow] = [sensor.attempts[attempts], sensor.flows[flows]]
    if (attempt) return { let: "in", ...attempt }
    if (flow) return { let: "pass", ...flow }
    await pause(5)
  }
}

t.test("the SNI of a bypassed host opens no way to a foreign address", async (t) => {
  const sensor = await testSensor(t, {
    rules: letGo,
    listeners: relays,
    clients: ["192.0.2.7"],
    lookup: async (host) => (host === name ? ["127.0.0.9"] : ["127.0.0.1"]),
  })
  const foreign = await fate(sensor, toAddress(sensor, "127.0.0.1", hello(name)))
  t.match(foreign, {
    let: "in",
    rule: "name-disagrees",
    destination_ip: "127.0.0.1",
    upstream: { status: "verified" },
  })
  const own = await testSensor(t, { rules: letGo, listeners: relays, clients: ["192.0.2.7"] })
  t.match(await fate(own, toAddress(own, "127.0.0.1", hello(name))), {
    let: "pass",
    rule: "let-go",
    destination_ip: "127.0.0.1",
  })
})

t.test("a name in an odd form is the name or it is none", async (t) => {
  const sensor = await testSensor(t, { rules: letGo })
  const byAddress = await testSensor(t, { rules: letGo, listeners: relays, clients: ["192.0.2.7"] })
  const rows: [form: string, sni: string | null, isTheName: boolean][] = [
    ["as it is", name, true],
    ["with a final dot", "app.test.", true],
    ["in upper case", "APP.Test", true],
    ["with two final dots", "app.test..", false],
    ["with a NUL and something behind it", "app.test\u0000.evil.test", false],
    ["with a NUL before it", "evil.test\u0000app.test", false],
    ["with a space", " app.test", false],
    ["256 characters that end in it", `${"a.".repeat(124)}app.test`, false],
    ["an address", "127.0.0.1", false],
    ["a pattern", "*.test", false],
    ["a name that ends in it", "evilapp.test", false],
    ["no SNI", null, false],
  ]
  for (const [form, sni, isTheName] of rows) {
    t.match(
      await fate(byAddress, toAddress(byAddress, "127.0.0.1", hello(sni))),
      { let: isTheName ? "pass" : "in" },
      `${form}, to an address`,
    )
    const elsewhere = await tunnel(sensor, `elsewhere.test:${port}`)
    elsewhere.write(hello(sni))
    t.match(await fate(sensor, elsewhere), { let: "in" }, `${form}, by CONNECT to another name`)
  }
  const nameless = await tunnel(sensor, `${name}:${port}`)
  nameless.write(hello("app.test\u0000.evil.test"))
  t.match(
    await fate(sensor, nameless),
    { let: "pass", connect_host: name, sni: null, destination_ip: "127.0.0.1" },
    "who asked for the name itself gets to it, whatever its SNI is",
  )
})

t.test("the outer name of ECH leads to that name's own addresses and nowhere else", async (t) => {
  const ech: Extension = { type: 0xfe0d, body: Uint8Array.of(0, 0, 1, 0, 1, 7, 0, 0, 0, 0) }
  const sensor = await testSensor(t, {
    rules: letGo,
    listeners: relays,
    clients: ["192.0.2.7"],
    lookup: async () => ["127.0.0.1"],
  })
  t.match(await fate(sensor, toAddress(sensor, "127.0.0.1", hello(name, x25519, ech))), {
    let: "pass",
    ech_offered: true,
    destination_ip: "127.0.0.1",
  })
  t.match(
    await fate(sensor, toAddress(sensor, "127.0.0.2", hello(name, x25519, ech))),
    { let: "in", rule: "name-disagrees" },
    "somewhere else",
  )
})

t.test("a second ClientHello with another name does not reach the origin", async (t) => {
  const sensor = await testSensor(t, { rules: letGo })
  const asksForMore = keyShare(new Uint8Array(0))
  const first = hello(name, asksForMore)
  async function twice(second: Uint8Array, waits: boolean) {
    raw.length = 0
    const socket = await tunnel(sensor, `${name}:${port}`)
    socket.write(first)
    if (waits) await once(socket, "data")
    socket.write(second)
    const answer = await received(socket)
    socket.destroy()
    return {
      answer: answer.bytes.length,
      reached: raw[0]?.bytesRead ?? 0,
      flow: await sensor.flow(),
    }
  }
  const soon = setInterval(() => {
    for (const socket of raw) if (socket.bytesRead > first.length) socket.end()
  }, 20)
  t.teardown(() => clearInterval(soon))
  const honest = await twice(hello(name), true)
  t.equal(honest.reached, first.length + hello(name).length)
  t.ok(honest.answer > 500, "the origin went on")
  t.not(honest.flow.reason, "cut-other-name")
  for (const waits of [true, false]) {
    const { reached, flow } = await twice(hello("other.test"), waits)
    const when = waits ? "after the HelloRetryRequest" : "without waiting for it"
    t.match(flow, { reason: "cut-other-name", ended_by: "sensor", sni: name }, when)
    t.ok(reached < first.length + hello("other.test").length, when)
  }
})

t.test(
  "what is said inside is not seen: another Host goes to the name's own address",
  async (t) => {
    const sensor = await testSensor(t, { rules: letGo })
    const client = await tlsThrough(sensor, `${name}:${port}`, genuine)
    t.ok((await handshake(client)).ok)
    t.equal(await ask(client, "GET / HTTP/1.1\r\nHost: other.test\r\n\r\n"), "hello")
    client.destroy()
    t.match(await sensor.flow(), { sni: name, connect_host: name, destination_ip: "127.0.0.1" })
  },
)

t.test("the certificate of a bypassed origin is judged by the client alone", async (t) => {
  const other = createServer(originCertificate("other.test"), (socket) => socket.end("hello"))
  const at = `${name}:${await listening(t, other)}`
  const sensor = await testSensor(t, { rules: letGo })
  t.match((await handshake(await tlsThrough(sensor, at, genuine))).error, /altname|Altnames/i)
  const careless = { rejectUnauthorized: false }
  t.equal(await ask(await tlsThrough(sensor, at, careless)), "hello")
  t.equal(sensor.attempts.length, 0)
})

t.test("a bypass is for every port of its name, and a rule before it can close some", async (t) => {
  const ports = [{ name: "odd-ports", when: { port: [port] }, do: "block" }]
  for (const [rules, expected] of [
    [[], { let: "pass", rule: "e-1" }],
    [ports, { let: "in", decision: "block", rule: "odd-ports" }],
  ] as const) {
    const entries = [entry({ id: "e-1", scope: { sni: name } })]
    const sensor = await testSensor(t, { rules: [...rules], entries })
    const socket = await tunnel(sensor, `${name}:${port}`)
    socket.write(hello(name))
    t.match(await fate(sensor, socket), expected)
  }
})

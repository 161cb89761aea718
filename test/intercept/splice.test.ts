/** What passes unread: when, to where, for how long, and what the flow says of it. */
import { createServer, type Server, type Socket } from "node:net"
import { createServer as createTlsServer } from "node:tls"
import t from "tap"
import { readClientHello } from "../../src/observe/client-hello.ts"
import { stackKey } from "../../src/observe/stack.ts"
import { liveHello } from "../observe/real-hellos.ts"
import { entry, iso } from "../policy/given.ts"
import {
  handshake,
  inspectionCa,
  listening,
  originCa,
  originCertificate,
  pause,
  received,
  testSensor,
  tlsThrough,
  tunnel,
} from "../support/sensor.ts"

const name = "direct.test"
const good = originCertificate(name)
const origin = createTlsServer(good, (socket) => {
  socket.on("data", (chunk) => socket.write(chunk))
  socket.on("end", () => socket.end())
})
const port = await listening(t, origin)
const target = `${name}:${port}`
const letGo = [{ name: "let-go", when: { sni: [name] }, do: "splice" }]
const genuine = { ca: originCa.certPem }
const words = "x".repeat(300)

t.test(
  "a spliced client sees the origin's own certificate, and the flow says whether it was used",
  async (t) => {
    const sensor = await testSensor(t, { rules: letGo })
    for (const version of ["TLSv1.2", "TLSv1.3"] as const) {
      const options = { ...genuine, minVersion: version, maxVersion: version }
      await t.test(`used over ${version}`, async (t) => {
        const client = await tlsThrough(sensor, target, options)
        t.ok((await handshake(client)).ok)
        client.end(words)
        t.equal((await received(client)).bytes.toString(), words)
        const flow = await sensor.flow()
        t.match(flow, {
          verdict: "used",
          strong: true,
          control: false,
          decision: "splice",
          rule: "let-go",
          splice_cause: "operator",
          register_entry: null,
          name_agrees: true,
          tls_version: version,
          estimated: version === "TLSv1.3",
          sni: name,
          destination_ip: "127.0.0.1",
          ended_by: "client",
        })
        t.ok(flow.client_bytes > words.length && flow.server_bytes > words.length)
      })
      await t.test(`established, but unused over ${version}`, async (t) => {
        const client = await tlsThrough(sensor, target, options)
        t.ok((await handshake(client)).ok)
        await pause(20)
        client.end()
        t.match(await sensor.flow(), { verdict: "established-unused", strong: false })
      })
      await t.test(`refused by the client over ${version}`, async (t) => {
        const client = await tlsThrough(sensor, target, { ...options, ca: inspectionCa.certPem })
        await handshake(client)
        t.match(await sensor.flow(), {
          verdict: version === "TLSv1.3" ? "failed" : "established-unused",
        })
      })
    }
    await t.test("byte counts are those of the session, without CONNECT", async (t) => {
      let [up, down] = [0, 0]
      const counting = createServer((socket) => {
        socket.on("data", (chunk) => {
          up += chunk.length
        })
        socket.once("data", () => {
          down = 12_345
          socket.end(Buffer.alloc(down, 22))
        })
      })
      const sensor = await testSensor(t, { rules: letGo })
      const raw = await tunnel(sensor, `${name}:${await listening(t, counting)}`)
      raw.write(await liveHello({ servername: name }))
      const { bytes } = await received(raw)
      raw.end("and some more")
      const flow = await sensor.flow()
      t.equal(bytes.length, down)
      t.match(flow, { client_bytes: up, server_bytes: down, verdict: "failed" })
    })
    await t.test("an origin that is not there", async (t) => {
      const { freePort } = await import("../support/free-port.ts")
      const client = await tlsThrough(sensor, `${name}:${await freePort()}`, genuine)
      t.equal((await handshake(client)).ok, false)
      t.match(await sensor.flow(), { verdict: "failed", reason: "ECONNREFUSED" })
    })
    await t.test("a used session is told while it is still open", async (t) => {
      const sensor = await testSensor(t, { rules: letGo, limits: { "record-after": "100ms" } })
      const client = await tlsThrough(sensor, target, genuine)
      await handshake(client)
      client.write(words)
      t.match(await sensor.flow(), { verdict: "used", end: "none", ended_by: null })
      client.destroy()
    })
    t.equal(sensor.attempts.length, 0, "a spliced connection is no attempt")
  },
)

/** An armed trial for what this Node's client says to `name`. */
async function armed(given: object = {}) {
  const hello = readClientHello(await liveHello({ servername: name }))
  if (hello === "incomplete" || "fault" in hello) throw new Error("no hello")
  return entry({
    id: "trial-1",
    kind: "trial",
    created_at: iso(Date.now()),
    observed_at: iso(Date.now()),
    expires_at: iso(Date.now() + 3_600_000),
    scope: { device_id: "phone-1", stack: stackKey(hello), sni: name },
    trial: { state: "armed", since: iso(Date.now()) },
    ...given,
  })
}

t.test("a splice that a trial caused may serve as control, and its use is told", async (t) => {
  const sensor = await testSensor(t, { device: "phone-1", entries: [await armed()] })
  const client = await tlsThrough(sensor, target, genuine)
  t.ok((await handshake(client)).ok)
  client.end(words)
  await received(client)
  const flow = await sensor.flow()
  t.match(flow, {
    control: true,
    splice_cause: "trial",
    register_entry: "trial-1",
    verdict: "used",
    strong: true,
  })
  t.match(sensor.hits, [
    { entry_id: "trial-1", event: "open", bytes: 0, connection_id: flow.id, sensor_id: "test" },
    { entry_id: "trial-1", event: "close", connection_id: flow.id },
  ])
  t.ok((sensor.hits[1]?.bytes ?? 0) > 2 * words.length)
})

t.test(
  "a trial ends at its caps even in mid-session, and the next connection is inspected",
  async (t) => {
    const cases: [string, Record<string, unknown>][] = [
      ["its bytes are spent", { bytes: 20_000 }],
      ["its time is over", { "splice-for": "300ms" }],
    ]
    for (const [title, control] of cases)
      await t.test(title, async (t) => {
        const sensor = await testSensor(t, { device: "phone-1", entries: [await armed()], control })
        const client = await tlsThrough(sensor, target, genuine)
        t.ok((await handshake(client)).ok)
        const ended = received(client)
        const more = setInterval(() => client.write(words.repeat(20)), 20)
        await ended
        clearInterval(more)
        t.match(await sensor.flow(), { control: true, ended_by: "sensor" })
        const again = await tlsThrough(sensor, target)
        t.ok((await handshake(again)).ok, "by our certificate")
        again.end("x")
        t.match(await sensor.attempt(), { decision: "inspect", rule: "default" })
      })
    await t.test("a learned entry has no such caps", async (t) => {
      const learned = await armed({ id: "learned-1", kind: "learned", trial: null })
      const sensor = await testSensor(t, {
        device: "phone-1",
        entries: [learned],
        control: { bytes: 1_000 },
      })
      for (let i = 0; i < 3; i++) {
        const client = await tlsThrough(sensor, target, genuine)
        t.ok((await handshake(client)).ok)
        client.end(words.repeat(10))
        t.equal((await received(client)).bytes.length, 3_000)
        t.match(await sensor.flow(), { control: false, splice_cause: "learned" })
      }
    })
  },
)

t.test(
  "fails closed: a splice by name whose hosts or address do not agree is inspected",
  async (t) => {
    const sensor = await testSensor(t, {
      rules: letGo,
      lookup: async (host) => (host === name ? ["127.0.0.9"] : ["127.0.0.1"]),
    })
    const rows: [string, string][] = [
      ["the SNI of a spliced host to another CONNECT host", `elsewhere.test:${port}`],
      ["the SNI of a spliced host to a foreign address", `127.0.0.1:${port}`],
    ]
    for (const [title, at] of rows)
      await t.test(title, async (t) => {
        const client = await tlsThrough(sensor, at, { servername: name })
        t.ok((await handshake(client)).ok, "the leaf is ours")
        client.end("x")
        t.match(await sensor.attempt(), {
          decision: "inspect",
          rule: "name-disagrees",
          sni: name,
          destination_ip: "127.0.0.1",
        })
      })
    t.equal(sensor.flows.length, 0)
  },
)

t.test("a splice by name goes to the sensor's own address of that name", async (t) => {
  const sensor = await testSensor(t, { rules: letGo })
  const client = await tlsThrough(sensor, `127.0.0.1:${port}`, { ...genuine, servername: name })
  t.ok((await handshake(client)).ok)
  client.end(words)
  await received(client)
  t.match(await sensor.flow(), {
    name_agrees: true,
    connect_host: "127.0.0.1",
    destination_ip: "127.0.0.1",
  })
})

t.test("the guard holds for spliced names too", async (t) => {
  const sensor = await testSensor(t, {
    rules: letGo,
    open: ["127.0.0.1/32"],
    lookup: async (host) => (host === name ? ["127.0.0.9"] : ["127.0.0.1"]),
  })
  await t.test("a name that resolves to a guarded address gets no tunnel", async (t) => {
    await t.rejects(tunnel(sensor, target), /403/)
  })
  await t.test("an SNI that resolves to one is inspected where CONNECT said", async (t) => {
    const client = await tlsThrough(sensor, `127.0.0.1:${port}`, { servername: name })
    t.ok((await handshake(client)).ok)
    client.end("x")
    t.match(await sensor.attempt(), { rule: "name-disagrees" })
  })
})

t.test("a blocked connection gets an alert and no certificate", async (t) => {
  const sensor = await testSensor(t, {
    rules: [{ name: "no", when: { sni: [name] }, do: "block" }],
  })
  const client = await tlsThrough(sensor, target)
  t.match((await handshake(client)).error, /access denied/)
  t.match(await sensor.attempt(), { outcome: "blocked", decision: "block", rule: "no", leaf: null })
})

async function passed(
  t: Parameters<typeof testSensor>[0],
  server: Server,
  say: string | Buffer,
  notTls: "splice" | "block",
) {
  const sensor = await testSensor(t, { notTls })
  const raw = await tunnel(sensor, `${name}:${await listening(t, server)}`)
  raw.write(say)
  const { bytes } = await received(raw)
  raw.destroy()
  return { said: bytes.toString("latin1"), attempt: await sensor.attempt() }
}

const answering = () =>
  createServer((socket: Socket) =>
    socket.once("data", (chunk) => socket.end(`got ${chunk.length}`)),
  )

t.test("fails open: what is no TLS is passed on unread", async (t) => {
  const rows: [string, string | Buffer][] = [
    ["plain HTTP", "GET / HTTP/1.1\r\nHost: direct.test\r\n\r\n"],
    ["SSH", "SSH-2.0-OpenSSH_9.2\r\n"],
    ["garbage", Buffer.from([0, 1, 2, 3, 4, 5])],
  ]
  for (const [title, say] of rows)
    await t.test(title, async (t) => {
      const { said, attempt } = await passed(t, answering(), say, "splice")
      t.equal(said, `got ${say.length}`)
      t.match(attempt, { outcome: "not-tls", hello_fault: "not-tls", strength: null })
    })
  await t.test("but `not-tls: block` closes it, without a word", async (t) => {
    const { said, attempt } = await passed(t, answering(), "SSH-2.0-x\r\n", "block")
    t.equal(said, "")
    t.match(attempt, { outcome: "not-tls", ended_by: "sensor" })
  })
})

t.test("fails closed: what begins as TLS and cannot be read is not passed on unread", async (t) => {
  const decodeError = Buffer.from([21, 3, 3, 0, 2, 2, 50]).toString("latin1")
  const hello = Buffer.from(await liveHello({ servername: name }))
  const broken = Buffer.from(hello)
  broken.writeUInt16BE(0xffff, 9 + 2 + 32 + 33)
  const rows: [string, Buffer, string][] = [
    ["an SSLv2 hello", Buffer.from([0x80, 0x2e, 1, 3, 1, 0, 0x15, 0, 0, 0, 0x10]), "sslv2"],
    ["a malformed hello", broken, "malformed"],
    ["a hello longer than 64 KiB", Buffer.from([22, 3, 1, 0, 4, 1, 1, 0, 1]), "too-large"],
  ]
  for (const [title, say, fault] of rows)
    await t.test(title, async (t) => {
      let reached = false
      const server = createServer(() => {
        reached = true
      })
      const { said, attempt } = await passed(t, server, say, "splice")
      t.equal(said, decodeError)
      t.match(attempt, { outcome: "not-tls", hello_fault: fault })
      t.equal(reached, false)
    })
})

t.test("an origin that sends on after its client has gone is cut", async (t) => {
  const { promise: closed, resolve } = Promise.withResolvers<void>()
  const pouring = createServer({ allowHalfOpen: true }, (socket) => {
    const drip = setInterval(() => socket.write("."), 10)
    socket.on("close", () => {
      clearInterval(drip)
      resolve()
    })
    socket.on("error", () => {})
    socket.resume()
  })
  const sensor = await testSensor(t, { rules: letGo, limits: { "half-closed-time": "150ms" } })
  const raw = await tunnel(sensor, `${name}:${await listening(t, pouring)}`)
  raw.end(await liveHello({ servername: name }))
  await new Promise((seen) => raw.once("data", seen))
  raw.destroy()
  await sensor.flow()
  t.equal(await Promise.race([closed.then(() => "cut"), pause(3_000)]), "cut")
})

/** Peers that stop: half-closed, reading nothing, saying nothing, or not even answering the SYN. */
import { createServer as createTcpServer, type Socket } from "node:net"
import { createServer } from "node:tls"
import t from "tap"
import { blackHole } from "../support/black-hole.ts"
import { backTo, type Held, held, legsTo } from "../support/leaks.ts"
import { holds } from "../support/processes.ts"
import {
  handshake,
  inspectionCa,
  listening,
  originCa,
  originCertificate,
  pause,
  received,
  type TestSensor,
  testSensor,
  tlsThrough,
  tunnel,
} from "../support/sensor.ts"

const inspectedName = "inspected.test"
const splicedName = "spliced.test"
const good = originCertificate(inspectedName)
const rules = [{ name: "let-go", when: { sni: [splicedName] }, do: "splice" }]
const splicedCertificate = originCertificate(splicedName)
/** The same origin behind both ways: what its client says first decides what it does. */
const behaviours: Record<string, (socket: Socket) => void> = {
  /** Never ends, never speaks again. */
  stay: () => {},
  /** Ends its half at once and keeps the other. */
  end: (socket) => socket.end("bye"),
  /** A byte now and then, for longer than half-closed-time, then the end. */
  drip: async (socket) => {
    for (let byte = 0; byte < 12 && !socket.destroyed; byte++) {
      socket.write("x")
      await pause(60)
    }
    socket.end()
  },
  /** As much as is taken. */
  flood: (socket) => {
    const chunk = Buffer.alloc(64 * 1024)
    const more = () => {
      let room = true
      for (; room && !socket.destroyed; sent += chunk.length) room = socket.write(chunk)
    }
    socket.on("drain", more)
    more()
  },
  /** Reads nothing. */
  deaf: (socket) => void socket.pause(),
}
let sent = 0
const atOrigins = new Set<Socket>()

/** No leg of the sensor's is open; the origins of this test keep theirs half open for ever. */
async function left(before: Held, port: number, others = 0): Promise<boolean> {
  if (!(await holds(() => legsTo(port) === others, 5_000))) return false
  for (const socket of atOrigins) socket.destroy()
  return backTo(before)
}

const contexts = { [inspectedName]: good, [splicedName]: splicedCertificate }
const ports = await Promise.all(
  Object.values(contexts).map((certificate) =>
    listening(
      t,
      createServer({ ...certificate, allowHalfOpen: true }, (socket) => {
        socket.on("error", () => {})
        atOrigins.add(socket)
        socket.once("close", () => atOrigins.delete(socket))
        socket.once("data", (first) => behaviours[String(first).split(" ")[0] ?? ""]?.(socket))
        socket.resume()
      }),
    ),
  ),
)
const ways = [
  ["inspected", `${inspectedName}:${ports[0]}`, inspectionCa.certPem],
  ["spliced", `${splicedName}:${ports[1]}`, originCa.certPem],
] as const

const portOf = (target: string) => Number(target.split(":")[1])

async function client(sensor: TestSensor, target: string, ca: string, first: string) {
  const socket = await tlsThrough(sensor, target, { ca, allowHalfOpen: true } as object)
  const { ok, error } = await handshake(socket)
  if (!ok) throw new Error(`no handshake: ${error}`)
  socket.write(`${first} ${"x".repeat(400)}`)
  return socket
}

async function gone(sensor: TestSensor, withinMs: number): Promise<number | null> {
  const began = performance.now()
  return (await holds(() => sensor.sensor.open === 0, withinMs)) ? performance.now() - began : null
}

for (const [way, target, ca] of ways) {
  t.test(`half-closed, ${way}: ended after half-closed-time without a byte`, async (t) => {
    const limits = { "half-closed-time": "300ms", "idle-time": "1h" }
    const sensor = await testSensor(t, { rules, limits })
    const before = held()

    const rows: [string, string, boolean][] = [
      ["the client ended, the origin says nothing", "stay", true],
      ["the origin ended, the client says nothing", "end", false],
    ]
    for (const [title, first, ends] of rows) {
      const socket = await client(sensor, target, ca, first)
      if (ends) socket.end()
      const took = await gone(sensor, 5_000)
      t.ok(took !== null && took > 150, `${title}: ${took} ms`)
      socket.destroy()
    }
    const open = await client(sensor, target, ca, "stay")
    await pause(700)
    t.equal(sensor.sensor.open, 1, "a connection that nobody ended stays")
    open.destroy()

    const dripping = await client(sensor, target, ca, "drip")
    dripping.end()
    t.equal((await received(dripping)).bytes.length, 12, "one that moves bytes is not cut")
    dripping.destroy()
    t.ok(await left(before, portOf(target)), "nothing is left")
  })

  t.test(`a reader that takes nothing, ${way}: bounded in bytes and in time`, async (t) => {
    const sensor = await testSensor(t, { rules, limits: { "idle-time": "400ms" } })
    const before = held()

    sent = 0
    const deaf = await client(sensor, target, ca, "flood")
    deaf.pause()
    t.ok((await gone(sensor, 8_000)) !== null, "the client's connection is ended after idle-time")
    t.ok(sent > 0 && sent < 32 * 1024 * 1024, `the origin was let send ${sent >> 10} KiB`)
    deaf.destroy()

    const sender = await client(sensor, target, ca, "deaf")
    let given = 0
    const chunk = Buffer.alloc(64 * 1024)
    const more = () => {
      let room = true
      for (; room && !sender.destroyed; given += chunk.length) room = sender.write(chunk)
    }
    sender.on("drain", more)
    more()
    t.ok((await gone(sensor, 8_000)) !== null, "so is one whose origin takes nothing")
    t.ok(given > 0 && given < 32 * 1024 * 1024, `the client was let send ${given >> 10} KiB`)
    sender.destroy()
    t.ok(await left(before, portOf(target)), "nothing is left")
  })
}

t.test("an origin that does not answer is waited for no longer than upstream-time", async (t) => {
  const hole = await blackHole()
  t.teardown(() => hole.close())
  const fillers = legsTo(hole.port)
  const limits = { "upstream-time": "2s" }
  const sensor = await testSensor(t, { rules, limits })
  const before = held()
  const began = performance.now()
  const waiting = await Promise.all(
    Array.from({ length: 40 }, (_, index) =>
      tlsThrough(sensor, `${index % 2 ? splicedName : inspectedName}:${hole.port}`),
    ),
  )
  const ended = waiting.map((socket) => handshake(socket))

  for (const [, target, ca] of ways) {
    const other = await client(sensor, target, ca, "end")
    t.equal((await received(other)).bytes.toString(), "bye", "others are served meanwhile")
    other.destroy()
  }
  t.ok(performance.now() - began < 2_000, "without waiting for it")

  await Promise.all(ended)
  t.ok(await holds(() => sensor.sensor.open === 0, 8_000), "all of them are ended")
  const took = performance.now() - began
  t.ok(took < 7_000, `after ${Math.round(took)} ms`)
  const failed = sensor.attempts.filter(({ destination_port }) => destination_port === hole.port)
  t.equal(failed.length, 20)
  for (const one of failed) {
    t.match(one, { outcome: "origin-failed", strength: null, upstream: { status: "unreachable" } })
  }
  const flows = sensor.flows.filter(({ destination_port }) => destination_port === hole.port)
  t.equal(flows.length, 20)
  for (const flow of flows) t.match(flow, { verdict: "failed", strong: false })
  t.ok(await left(before, hole.port, fillers), "nothing is left")
})

t.test("what a client leaves behind in a dial is held no longer than upstream-time", async (t) => {
  const hole = await blackHole()
  t.teardown(() => hole.close())
  const fillers = legsTo(hole.port)
  const sensor = await testSensor(t, { rules, limits: { "upstream-time": "600ms" } })
  const before = held()
  for (const name of [inspectedName, splicedName]) {
    const socket = await tlsThrough(sensor, `${name}:${hole.port}`)
    await pause(100)
    socket.destroy()
  }
  t.ok(await holds(() => sensor.sensor.open === 0, 5_000))
  t.ok(await left(before, hole.port, fillers), "nothing is left")
  for (const one of sensor.attempts) t.equal(one.strength, null, one.outcome)
})

t.test("what is no TLS and half-closed is ended too", async (t) => {
  const origin = createTcpServer({ allowHalfOpen: true }, (socket) => socket.resume())
  const port = await listening(t, origin)
  const limits = { "half-closed-time": "200ms", "idle-time": "1h" }
  const sensor = await testSensor(t, { limits })
  const socket = await tunnel(sensor, `plain.test:${port}`)
  socket.end("SSH-2.0-x\r\n")
  t.ok((await gone(sensor, 5_000)) !== null)
  t.match(await sensor.attempt(), { outcome: "not-tls" })
  socket.destroy()
})

t.test("a client at its limit does not take the room of others", async (t) => {
  const sensor = await testSensor(t, { limits: { connections: 6, "connections-per-client": 4 } })
  const target = ways[0][1]
  const greedy = await Promise.all([1, 2, 3, 4].map(() => tunnel(sensor, target)))
  await t.rejects(tunnel(sensor, target), "the fifth of one client is turned away")
  const from = { localAddress: "127.0.0.77" }
  const { connect } = await import("node:net")
  const other = connect({ port: sensor.port, host: "127.0.0.1", ...from })
  other.on("error", () => {})
  other.write(`CONNECT ${target} HTTP/1.1\r\n\r\n`)
  const answer = await new Promise((resolve) => other.once("data", (text) => resolve(String(text))))
  t.match(answer, /^HTTP\/1.1 200/)
  t.equal(sensor.sensor.counts.over_limit, 1)
  for (const socket of [...greedy, other]) socket.destroy()
})

t.test("nothing said on any of these is said to be a refusal", async (t) => {
  const sensor = await testSensor(t, { limits: { "hello-time": "100ms" } })
  const silent = await tunnel(sensor, ways[0][1])
  t.match(await sensor.attempt(), { outcome: "timed-out", strength: null })
  silent.destroy()
})

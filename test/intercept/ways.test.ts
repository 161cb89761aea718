/** Exact accounts: every accepted socket ends in exactly one way. */
import { createServer as createHttpServer } from "node:http"
import { connect, createServer, type Socket } from "node:net"
import { createServer as createTlsServer } from "node:tls"
import t from "tap"
import { type Way, ways } from "../../src/intercept/ways.ts"
import { liveHello } from "../observe/real-hellos.ts"
import {
  ask,
  listening,
  once,
  originCertificate,
  pause,
  received,
  type TestSensor,
  testSensor,
  tlsThrough,
  tunnel,
} from "../support/sensor.ts"

const web = createHttpServer((_, response) => response.end("plain"))
const webPort = await listening(t, web)
const app = createTlsServer(originCertificate("app.test"), (socket) => {
  socket.once("data", () => socket.end("ok"))
})
const appPort = await listening(t, app)
const echo = createServer({ allowHalfOpen: true }, (socket) => socket.pipe(socket))
const echoPort = await listening(t, echo)
const hello = await liveHello({ servername: "app.test" })

/** Accepted sockets are the sum of all ways and of what is open. */
function balance({ sensor }: TestSensor): number {
  return sensor.counts.accepted - ways.reduce((sum, way) => sum + sensor.counts[way], sensor.open)
}

async function settled({ sensor }: TestSensor): Promise<void> {
  for (let tries = 0; sensor.open > 0 && tries < 400; tries++) await pause(10)
}

function open({ port }: TestSensor, from = "127.0.0.1"): Socket {
  const socket = connect({ port, host: "127.0.0.1", localAddress: from })
  socket.on("error", () => {})
  return socket
}

const say = (text: string) => async (sensor: TestSensor) => {
  const socket = open(sensor)
  socket.write(text)
  await received(socket)
  socket.destroy()
}
const get = (path: string, headers = "") => `GET ${path} HTTP/1.1\r\nHost: x\r\n${headers}\r\n`
const tunnelled = async (sensor: TestSensor, target: string, bytes: Uint8Array | string) => {
  const socket = await tunnel(sensor, target)
  socket.end(bytes)
  await received(socket)
  socket.destroy()
}

const rows: Record<string, [way: Way, visit: (sensor: TestSensor) => Promise<unknown>]> = {
  "a client that is not served": [
    "refused_client",
    (sensor) => received(open(sensor, "127.0.0.9")),
  ],
  "a connection on which nothing is said": ["no_request", (sensor) => received(open(sensor).end())],
  "half a head, and a FIN": [
    "no_request",
    (sensor) => received(open(sensor).end("CONNECT app.test:1 HTT")),
  ],
  "half a head, and a reset": [
    "no_request",
    async (sensor) => {
      const socket = open(sensor)
      socket.write("GET / HTTP/1.1\r\n")
      await pause(30)
      socket.resetAndDestroy()
    },
  ],
  "half a head, and silence": ["no_request", say("CONNECT app.test:1 HTTP/1.1\r\n")],
  "TLS to the proxy's own port": ["bad_request", say("\x16\x03\x01\x02\x00\x01\x00\x01")],
  "a head that is too long": ["bad_request", say(get("/", `X: ${"x".repeat(20_000)}\r\n`))],
  "a CONNECT without port": ["bad_request", say("CONNECT app.test HTTP/1.1\r\n\r\n")],
  "a CONNECT that the guard refuses": [
    "guarded",
    say("CONNECT 169.254.169.254:80 HTTP/1.1\r\n\r\n"),
  ],
  "a plain request that the guard refuses": ["guarded", say(get("http://169.254.169.254/"))],
  "a plain upgrade that the guard refuses": [
    "guarded",
    say(get("http://169.254.169.254/", "Connection: Upgrade\r\nUpgrade: websocket\r\n")),
  ],
  "one plain request": [
    "plain_http",
    say(get(`http://web.test:${webPort}/`, "Connection: close\r\n")),
  ],
  "plain requests one after the other": [
    "plain_http",
    say(
      get(`http://web.test:${webPort}/`) +
        get(`http://web.test:${webPort}/`, "Connection: close\r\n"),
    ),
  ],
  "a plain request to nobody": [
    "plain_http",
    say(get("http://nobody.test:1/", "Connection: close\r\n")),
  ],
  "a CONNECT whose client leaves at once": [
    "attempts",
    async (sensor) => {
      const socket = open(sensor)
      socket.write("CONNECT slow.test:1 HTTP/1.1\r\n\r\n")
      await pause(30)
      socket.resetAndDestroy()
      await sensor.attempt()
    },
  ],
  "an inspected connection": [
    "attempts",
    async (sensor) => {
      const client = await tlsThrough(sensor, `app.test:${appPort}`)
      await ask(client)
      client.destroy()
    },
  ],
  "a refusal": [
    "attempts",
    async (sensor) => {
      const socket = await tunnel(sensor, `app.test:${appPort}`)
      socket.write(hello)
      await once(socket, "data")
      socket.resetAndDestroy()
    },
  ],
  "an origin that cannot be reached": [
    "attempts",
    (sensor) => tunnelled(sensor, "app.test:1", hello),
  ],
  "a tunnel in which nothing is said": [
    "attempts",
    (sensor) => tunnelled(sensor, "app.test:1", ""),
  ],
  "a tunnel with other bytes than TLS": [
    "attempts",
    (sensor) => tunnelled(sensor, `app.test:${echoPort}`, "hello"),
  ],
  "a splice": ["flows", (sensor) => tunnelled(sensor, `app.test:${echoPort}`, hello)],
  "a splice to nobody": ["flows", (sensor) => tunnelled(sensor, "app.test:1", hello)],
}

t.test("every accepted socket ends in exactly one way", async (t) => {
  const sensor = await testSensor(t, {
    clients: ["127.0.0.1"],
    limits: { "connect-head-time": "300ms" },
    lookup: async (name) => {
      if (name === "slow.test") await pause(100)
      return ["127.0.0.1"]
    },
  })
  const splicing = await testSensor(t, {
    rules: [{ name: "let-go", when: { sni: ["app.test"] }, do: "splice" }],
  })
  for (const [name, [way, visit]] of Object.entries(rows))
    await t.test(name, async (t) => {
      const where = way === "flows" ? splicing : sensor
      const before = { ...where.sensor.counts }
      await visit(where)
      await settled(where)
      const changed = ways.filter((one) => where.sensor.counts[one] !== before[one])
      t.strictSame(changed, [way])
      t.equal(where.sensor.counts[way], before[way] + 1)
      t.equal(balance(where), 0)
    })
  t.equal(sensor.attempts.length, sensor.sensor.counts.attempts)
  t.equal(splicing.flows.length, splicing.sensor.counts.flows)
  t.equal(
    sensor.attempts.filter(({ outcome }) => outcome === "not-tls").length,
    sensor.sensor.counts.not_tls,
  )
})

t.test("a flow whose origin never ends is recorded when the sensor stops", async (t) => {
  const deaf = createServer({ allowHalfOpen: true }, (socket) => socket.resume())
  const deafPort = await listening(t, deaf)
  const sensor = await testSensor(t, {
    rules: [{ name: "let-go", when: { sni: ["app.test"] }, do: "splice" }],
  })
  const socket = await tunnel(sensor, `app.test:${deafPort}`)
  socket.end(hello)
  await once(socket, "finish")
  await pause(50)
  t.equal(sensor.sensor.open, 1)
  await sensor.sensor.close(0)
  t.match(sensor.flows, [{ rule: "let-go", ended_by: "client" }])
  t.match(sensor.sensor.counts, { accepted: 1, flows: 1 })
  t.equal(balance(sensor), 0)
  socket.destroy()
})

t.test("what is above the limits is counted, and what is open is open", async (t) => {
  const sensor = await testSensor(t, { limits: { connections: 2 } })
  const kept = [await tunnel(sensor, "app.test:1"), open(sensor)]
  for (let tries = 0; sensor.sensor.counts.accepted < 2 && tries < 400; tries++) await pause(5)
  await received(open(sensor))
  t.match(sensor.sensor.counts, { accepted: 3, over_limit: 1 })
  t.equal(sensor.sensor.open, 2)
  t.equal(balance(sensor), 0)
  for (const socket of kept) socket.destroy()
  await settled(sensor)
  t.match(sensor.sensor.counts, { accepted: 3, over_limit: 1, no_request: 1, attempts: 1 })
})

t.test("the accounts are closed when the sensor is", async (t) => {
  const sensor = await testSensor(t)
  const kept = [await tunnel(sensor, `app.test:${appPort}`), open(sensor)]
  kept[0]?.write(hello)
  await once(kept[0] as Socket, "data")
  await sensor.sensor.close(0)
  t.equal(sensor.sensor.open, 0)
  t.equal(balance(sensor), 0)
  t.equal(sensor.sensor.counts.attempts, sensor.attempts.length)
  for (const socket of kept) socket.destroy()
})

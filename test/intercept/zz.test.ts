/** Bytes between an accepted client and its origin: whole, bounded, and ended as they were ended. */
import { createHash, randomBytes } from "node:crypto"
import { readdirSync } from "node:fs"
import { createServer as createTcpServer } from "node:net"
import { setTimeout as delay } from "node:timers/promises"
import { createServer as createTlsServer, type TLSSocket } from "node:tls"
import t from "tap"
import { liveHello } from "../observe/real-hellos.ts"
import {
  handshake,
  listening,
  originCertificate,
  pause,
  received,
  type TestSensor,
  testSensor,
  tlsThrough,
  tunnel,
} from "../support/sensor.ts"

const name = "relay.test"
const good = originCertificate(name)
const MiB = 1024 * 1024
const sha256 = (bytes: Buffer) => createHash("sha256").update(bytes).digest("hex")

async function server(
  t: { teardown(fn: () => unknown): void },
  act: (socket: TLSSocket) => void,
): Promise<string> {
  const options = { ...good, allowHalfOpen: true }
  return `${name}:${await listening(t, createTlsServer(options, act))}`
}

async function connected(sensor: TestSensor, target: string): Promise<TLSSocket> {
  const client = await tlsThrough(sensor, target, { allowHalfOpen: true } as object)
  const { ok, error } = await handshake(client)
  if (!ok) throw new Error(error)
  return client
}

async function until(what: () => boolean): Promise<void> {
  for (let i = 0; i < 300 && !what(); i++) await delay(10)
}

const descriptors = () => readdirSync("/proc/self/fd").length
const timers = () => process.getActiveResourcesInfo().filter((kind) => kind === "Timeout").length

t.test(
  "connections of all kinds leave nothing behind",
  { skip: process.platform !== "linux" },
  async (t) => {
    const sensor = await testSensor(t, {
      limits: { "hello-time": "100ms" },
      rules: [{ name: "let-go", when: { sni: ["splice.test"] }, do: "splice" }],
    })
    const target = await server(t, (socket) => {
      socket.on("data", (chunk) => socket.write(chunk))
      socket.on("end", () => socket.end())
    })
    const dead = createTcpServer((socket) => socket.resetAndDestroy())
    const deadTarget = `dead.test:${await listening(t, dead)}`
    const port = target.split(":")[1]
    const hello = await liveHello({ servername: name })
    const afterHello = async (act: (raw: Awaited<ReturnType<typeof tunnel>>) => void) => {
      const raw = await tunnel(sensor, target)
      raw.write(hello)
      await new Promise((resolve) => raw.once("data", resolve))
      act(raw)
      return raw
    }
    const kinds: (() => Promise<{ destroy(): unknown }>)[] = [
      async () => {
        const client = await connected(sensor, target)
        client.end("hello")
        await received(client)
        return client
      },
      async () => {
        const client = await tlsThrough(sensor, target, { ca: [] })
        await handshake(client)
        return client
      },
      async () => {
        const client = await connected(sensor, target)
        await pause(2)
        client.end()
        return client
      },
      () => afterHello((raw) => raw.end()),
      () => afterHello((raw) => raw.resetAndDestroy()),
      () => afterHello((raw) => raw.end(Buffer.from([21, 3, 3, 0, 2, 2, 48]))),
      async () => (await tunnel(sensor, target)).end(hello.subarray(0, 60)),
      async () => (await tunnel(sensor, target)).end("GET / HTTP/1.0\r\n\r\n"),
      async () => tunnel(sensor, target),
      async () => {
        const client = await tlsThrough(sensor, deadTarget)
        await handshake(client)
        return client
      },
      async () => {
        const client = await tlsThrough(sensor, `splice.test:${port}`, {
          rejectUnauthorized: false,
        })
        await handshake(client)
        client.end("hello")
        await received(client)
        return client
      },
    ]
    const round = async () => {
      const clients = await Promise.all(kinds.map(async (kind,n) => {const x=await kind();console.error('k',n);return x}))
      await pause(150)
      for (const client of clients) client.destroy()
    console.error(sensor.sensor.open)
      await until(() => sensor.sensor.open === 0)
    }
    await round()
    await pause(100)
    const before = { descriptors: descriptors(), timers: timers() }
    for (let i = 0; i < 20; i++) await round()
    await until(() => descriptors() <= before.descriptors && timers() <= before.timers)
    t.equal(sensor.sensor.open, 0)
    t.ok(
      descriptors() <= before.descriptors,
      `${descriptors()} descriptors, ${before.descriptors} before`,
    )
    t.ok(timers() <= before.timers, `${timers()} timers, ${before.timers} before`)
    const kept = sensor.attempts.length + sensor.flows.length
    t.equal(kept, 21 * kinds.length, "each connection is in exactly one record")
  },
)

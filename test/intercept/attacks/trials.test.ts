/** Clients that want more of a trial than it was made for (docs/attacks.md has the list). */
import { mkdtempSync, renameSync, rmSync } from "node:fs"
import { createServer as createTcpServer, type Socket } from "node:net"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { createServer, type TLSSocket } from "node:tls"
import t from "tap"
import { readClientHello } from "../../../src/observe/client-hello.ts"
import { stackKey } from "../../../src/observe/stack.ts"
import { nameDisagrees } from "../../../src/policy/decide.ts"
import type { RegisterEntry } from "../../../src/record/register-entry.ts"
import { liveHello } from "../../observe/real-hellos.ts"
import { entry, iso } from "../../policy/given.ts"
import {
  type Given,
  handshake,
  listening,
  originCa,
  originCertificate,
  pause,
  received,
  type TestSensor,
  testSensor,
  tlsThrough,
  tunnel,
} from "../../support/sensor.ts"

const root = mkdtempSync(join(tmpdir(), "pinsensor-trial-attacks-"))
t.teardown(() => rmSync(root, { recursive: true, force: true }))
const folder = () => mkdtempSync(join(root, "d-"))

const name = "app.test"
const genuine = { ca: originCa.certPem }
const hello = await liveHello({ servername: name })

/** An origin that says something now and then, as long as it can. */
const origin = createServer(originCertificate(name), (socket: TLSSocket) => {
  const drip = setInterval(() => socket.write("."), 20)
  socket.on("close", () => clearInterval(drip))
  socket.on("data", (chunk) => socket.write(chunk))
  socket.resume()
})
origin.on("connection", (socket: Socket) => socket.on("error", () => {}))
const port = await listening(t, origin)
/** One that does not end when its client does. */
const endless = () =>
  createTcpServer({ allowHalfOpen: true }, (socket) => {
    const drip = setInterval(() => socket.write("."), 20)
    socket.on("close", () => clearInterval(drip))
    socket.resume()
  })
const target = `${name}:${port}`

/** Armed for what this Node's client says. */
function armed(): RegisterEntry {
  const read = readClientHello(hello)
  if (read === "incomplete" || "fault" in read) throw new Error("no hello")
  return entry({
    id: "trial-1",
    kind: "trial",
    created_at: iso(Date.now()),
    observed_at: iso(Date.now()),
    expires_at: iso(Date.now() + 3_600_000),
    scope: { device_id: "phone-1", stack: stackKey(read), sni: name },
    trial: { state: "armed", since: iso(Date.now()) },
  })
}

const worker = (t: Parameters<typeof testSensor>[0], given: Given) =>
  testSensor(t, { device: "phone-1", entries: [armed()], ...given })

/** Told as spliced under the trial. */
const granted = ({ flows }: TestSensor) => flows.filter(({ rule }) => rule === "trial-1")

t.test(
  "a tunnel is cut when the trial's time is over, whatever the client does with it",
  async (t) => {
    const control = { "splice-for": "1s" }
    const sensor = await worker(t, { control })
    const began = performance.now()
    const clients: Record<string, (client: TLSSocket) => void> = {
      "holds it open": () => {},
      "drips bytes": (client) => {
        const timer = setInterval(() => client.write("x"), 10)
        client.on("close", () => clearInterval(timer))
      },
      "takes nothing": (client) => client.pause(),
    }
    const ends: Promise<unknown>[] = []
    for (const [what, act] of Object.entries(clients)) {
      const client = await tlsThrough(sensor, target, genuine)
      t.ok((await handshake(client)).ok, what)
      client.on("data", () => {})
      act(client)
      ends.push(sensor.flow())
      // Those that come later have what is left.
      await pause(40)
    }
    const halfClosed = await tunnel(sensor, `${name}:${await listening(t, endless())}`)
    halfClosed.resume()
    halfClosed.end(hello)
    ends.push(sensor.flow())
    const flows = await Promise.all(ends)
    const lasted = performance.now() - began
    t.ok(lasted < 5_000, `all were over after ${lasted} ms`)
    t.match(
      flows,
      ends.map(() => ({ reason: "cut-trial-over" })),
    )
    const after = await tunnel(sensor, target)
    after.write(hello)
    after.once("data", () => after.destroy())
    t.match(await sensor.attempt(), { decision: "inspect", rule: "default" })
  },
)

t.test("500 connections at once to three workers get what one trial allows", async (t) => {
  const ledgerIn = folder()
  // Who is not granted is turned away, which costs less than to inspect 480 connections.
  const instead = () => ({ ...nameDisagrees, do: "block" as const, rule: "overload" })
  const workers = await Promise.all([1, 2, 3].map(() => worker(t, { ledgerIn, deps: { instead } })))
  const one = async (sensor: TestSensor) => {
    const socket = await tunnel(sensor, target)
    socket.write(hello)
    await new Promise((resolve) => socket.once("data", resolve))
    socket.destroy()
  }
  await Promise.all(Array.from({ length: 500 }, (_, n) => one(workers[n % 3] as TestSensor)))
  const records = () =>
    workers.reduce((sum, { flows, attempts }) => sum + flows.length + attempts.length, 0)
  for (let n = 0; records() < 500 && n < 500; n++) await pause(10)
  t.equal(records(), 500)
  const spliced = workers.map((sensor) => granted(sensor).length)
  t.equal(
    spliced.reduce((sum, count) => sum + count, 0),
    20,
    `by worker: ${spliced}`,
  )
  const opened = workers.flatMap(({ hits }) => hits.filter(({ event }) => event === "open"))
  t.equal(opened.length, 20, "and are told")
})

t.test("the bytes of a trial are the same ones for all workers", async (t) => {
  const bytes = 200_000
  const ledgerIn = folder()
  const workers = await Promise.all([1, 2].map(() => worker(t, { ledgerIn, control: { bytes } })))
  let got = 0
  await Promise.all(
    [0, 1, 0, 1].map(async (which) => {
      const client = await tlsThrough(workers[which] as TestSensor, target, genuine)
      client.on("data", (chunk: Buffer) => {
        got += chunk.length
      })
      const { ok } = await handshake(client)
      const pour = setInterval(() => ok && client.write(Buffer.alloc(5_000)), 2)
      await received(client)
      clearInterval(pour)
      client.destroy()
    }),
  )
  for (let n = 0; workers.some(({ sensor }) => sensor.open > 0) && n < 200; n++) await pause(10)
  const told = workers.flatMap(({ hits }) => hits).reduce((sum, hit) => sum + hit.bytes, 0)
  t.ok(told <= bytes, `${told} of ${bytes} bytes passed`)
  t.ok(told > bytes / 2, "and not much less")
  t.ok(got < told)
  const reasons = new Set(workers.flatMap(granted).map(({ reason }) => reason))
  t.ok(reasons.has("cut-trial-spent"))
})

t.test("a client does not become the device of a trial by what it says", async (t) => {
  const from = "127.0.0.66"
  const sensor = await testSensor(t, {
    entries: [armed()],
    listeners: [
      {
        name: "explicit",
        kind: "explicit",
        listen: "127.0.0.1:0",
        "proxy-protocol-from": ["127.0.0.9"],
      },
    ],
    deps: {
      deviceOf: (ip) => ({ device_id: ip === "127.0.0.1" ? "phone-1" : null, device_groups: [] }),
    },
  })
  const headers = [
    "X-Forwarded-For: 127.0.0.1",
    "X-Real-IP: 127.0.0.1",
    "Forwarded: for=127.0.0.1",
    "Via: 1.1 127.0.0.1",
    "X-Client-IP: 127.0.0.1",
    "Client-IP: 127.0.0.1",
  ]
  const socket = await tunnel(sensor, target, `${headers.join("\r\n")}\r\n`, from)
  socket.write(hello)
  socket.once("data", () => socket.destroy())
  t.match(await sensor.attempt(), { client_ip: from, decision: "inspect", rule: "default" })
  await t.rejects(
    tunnel(sensor, target, "", from, "PROXY TCP4 127.0.0.1 127.0.0.1 1 1\r\n"),
    /400/,
    "a PROXY header of somebody who is no relay",
  )
  const itself = await tunnel(sensor, target)
  itself.write(hello)
  itself.once("data", () => itself.destroy())
  t.match(await sensor.flow(), { client_ip: "127.0.0.1", control: true }, "the device itself")
})

t.test("fails closed: without its ledger a trial lets nothing pass", async (t) => {
  const ledgerIn = folder()
  const sensor = await worker(t, { ledgerIn })
  const client = await tlsThrough(sensor, target, genuine)
  t.ok((await handshake(client)).ok)
  renameSync(join(ledgerIn, "trials.db"), join(ledgerIn, "gone"))
  const again = await tlsThrough(sensor, target)
  t.ok((await handshake(again)).ok, "by our certificate")
  again.destroy()
  t.match(await sensor.attempt(), { decision: "inspect", rule: "default" })
  client.destroy()
})

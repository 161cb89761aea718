/**
 * The same kinds of bytes over real sockets against a real data path: every accepted socket is
 * accounted for, every record keeps its schema, nothing hangs, nothing stays behind.
 */
import { connect, createServer, type Socket } from "node:net"
import { setTimeout as sleep } from "node:timers/promises"
import { createServer as createTlsServer } from "node:tls"
import { type SensorCounts, ways } from "../../../src/intercept/ways.ts"
import { Attempt } from "../../../src/record/attempt.ts"
import { Flow } from "../../../src/record/flow.ts"
import { listening, originCertificate, type TestSensor, testSensor } from "../../support/sensor.ts"
import { helloInput, realHellos } from "./hello-inputs.ts"
import { mutated } from "./mutate.ts"
import { proxyHeaderInput } from "./proxy-header-target.ts"
import { Random } from "./random.ts"
import { type FuzzFailure, type FuzzResult, growthOf, heapNow, hex, median } from "./run-target.ts"
import { must, mustEqual, partsOf } from "./target.ts"

export const tcpTarget = "tcp"

/** Sockets at a time. */
const atATime = 100
/** The sensor ends whoever says nothing within half a second; a client that waits longer hangs. */
const limits = {
  "connect-head-time": "300ms",
  "hello-time": "300ms",
  "handshake-time": "300ms",
  "upstream-time": "1s",
  "idle-time": "400ms",
}
const hangMs = 15_000
const memorySamples = 24

const explicit = { name: "explicit", kind: "explicit", listen: "127.0.0.1:0" } as const
const behindRelays = { "proxy-protocol-from": ["127.0.0.0/8"] }
const listeners = [
  explicit,
  { ...explicit, ...behindRelays, name: "balanced" },
  { ...explicit, ...behindRelays, name: "relayed", kind: "relayed" },
] as const

interface Origins {
  tls: number
  plain: number
}

export async function runTcp(run: {
  seed: number
  first: number
  count: number
  onInput?: (index: number) => void
}): Promise<FuzzResult> {
  const { seed, first, count } = run
  const of = { target: tcpTarget, seed }
  const closing: (() => unknown)[] = []
  const t = { teardown: (fn: () => unknown) => void closing.unshift(fn) }
  const world = await startWorld(t)
  const memory: number[] = []
  const times: number[] = []
  const sampleEvery = Math.max(1, Math.floor(count / memorySamples))
  const failures: FuzzFailure[] = []
  let worstMs = 0
  let next = 0
  const client = async () => {
    while (next < count && failures.length === 0) {
      const index = first + next++
      run.onInput?.(index)
      if (globalThis.gc && index % sampleEvery === 0) memory.push(heapNow())
      const visit = makeVisit(new Random(seed, tcpTarget, index), world.origins)
      const began = performance.now()
      const ended = await go(visit, world.sensor)
      times.push(performance.now() - began)
      worstMs = Math.max(worstMs, times.at(-1) ?? 0)
      const why = world.faults[0] ?? (ended ? null : `not ended after ${hangMs} ms`)
      if (why !== null) failures.push({ ...of, index, why, input: hex(visit.bytes) })
    }
  }
  await Promise.all(Array.from({ length: atATime }, client))
  const counts = world.sensor.sensor.counts
  if (failures.length === 0)
    await accounted(world, next).catch((error) => {
      const why = `${error instanceof Error ? error.message : error} (of the whole run)`
      failures.push({ ...of, index: first, why, input: "" })
    })
  for (const close of closing) await close()
  return {
    target: tcpTarget,
    inputs: next,
    accepted: counts.attempts - counts.not_tls + counts.flows + counts.plain_http,
    medianMs: median(times),
    worstMs,
    growth: growthOf(memory),
    failure: failures[0] ?? null,
  }
}

interface World {
  sensor: TestSensor
  origins: Origins
  seen: { attempts: number; flows: number }
  /** What went wrong inside the sensor. */
  faults: string[]
}

async function startWorld(t: { teardown(fn: () => unknown): void }): Promise<World> {
  const seen = { attempts: 0, flows: 0 }
  const faults: string[] = []
  const kept = (what: string, parse: () => unknown) => {
    try {
      parse()
    } catch (error) {
      faults.push(`${what} breaks its schema: ${error instanceof Error ? error.message : ""}`)
    }
  }
  const echo = createTlsServer(originCertificate("far.test"), (socket) => socket.pipe(socket))
  const plain = createServer((socket) => socket.pipe(socket))
  const origins = { tls: await listening(t, echo), plain: await listening(t, plain) }
  const sensor = await testSensor(t, {
    limits,
    listeners: [...listeners],
    clients: ["0.0.0.0/0", "::/0"],
    rules: [{ name: "let-go", when: { sni: ["app.example", "spliced.test"] }, do: "splice" }],
    deps: {
      onAttempt: (attempt) => {
        seen.attempts++
        kept("an attempt", () => Attempt.parse(attempt))
      },
      onFlow: (flow) => {
        seen.flows++
        kept("a flow", () => Flow.parse(flow))
      },
      log: (level, event, fields) => {
        if (level === "error") faults.push(`${event}: ${JSON.stringify(fields)}`)
      },
    },
  })
  return { sensor, origins, seen, faults }
}

interface Visit {
  listener: string
  bytes: Buffer
  cuts: number[]
  /** What the client does when all is sent: end, break off, or wait to be ended. */
  ending: "fin" | "rst" | "wait"
}

function makeVisit(random: Random, origins: Origins): Visit {
  const listener = random.pick(listeners).name
  const header = listener === "explicit" ? Buffer.alloc(0) : relayHeader(random, origins)
  const rest = listener === "relayed" ? helloInput(random) : random.pick(requests)(random, origins)
  const whole = Buffer.concat([header, rest]).subarray(0, 200_000)
  return {
    listener,
    bytes: whole,
    cuts: random.cuts(whole.length).slice(0, 6),
    ending: random.pick(["fin", "fin", "fin", "rst", "rst", "wait"] as const),
  }
}

/** One in three is as any relay writes it, so that what follows is read too. */
function relayHeader(random: Random, origins: Origins): Uint8Array {
  if (!random.oneIn(3)) return proxyHeaderInput(random)
  const port = random.pick([origins.tls, origins.plain])
  return Buffer.from(`PROXY TCP4 192.0.2.${random.below(256)} 127.0.0.1 5000 ${port}\r\n`)
}

type Request = (random: Random, origins: Origins) => Uint8Array

const hosts = [
  "far.test",
  "spliced.test",
  "none.invalid",
  "127.0.0.1",
  "192.168.0.1",
  "[::1]",
  "a..b",
]

const requests: readonly Request[] = [
  (random, origins) => mutated(head(random, origins), [], random),
  (random, origins) => Buffer.concat([head(random, origins), helloInput(random)]),
  (random, origins) => Buffer.concat([head(random, origins), helloInput(random)]),
  (random, origins) => Buffer.concat([head(random, origins), random.pick(realHellos)]),
  (random, origins) => Buffer.concat([head(random, origins), random.bytes(random.below(40))]),
  (random, origins) => mutated(plainRequest(random, origins), [head(random, origins)], random),
  (random, origins) => plainRequest(random, origins),
]

function head(random: Random, { tls, plain }: Origins): Buffer {
  const to = `${random.pick(hosts)}:${random.pick([tls, plain, 1])}`
  const agent = random.oneIn(2) ? `User-Agent: ${"x".repeat(random.below(600))}\r\n` : ""
  return Buffer.from(`CONNECT ${to} HTTP/1.1\r\nHost: ${to}\r\n${agent}\r\n`)
}

function plainRequest(random: Random, { plain, tls }: Origins): Buffer {
  const to = `${random.pick(hosts)}:${random.pick([plain, tls, 1])}`
  const upgrade = random.oneIn(3) ? "Connection: Upgrade\r\nUpgrade: websocket\r\n" : ""
  const method = random.pick(["GET", "POST", "OPTIONS", "HEAD", "FOO"])
  const path = random.pick(["/", "/a\tb", `/${"p".repeat(300)}`, "*"])
  return Buffer.from(`${method} http://${to}${path} HTTP/1.1\r\nHost: ${to}\r\n${upgrade}\r\n`)
}

/** False if the sensor never ended the connection. */
async function go(visit: Visit, { sensor }: TestSensor): Promise<boolean> {
  const at = sensor.addresses[visit.listener]
  if (!at) throw new Error(`no listener ${visit.listener}`)
  const socket = connect({ ...at, noDelay: true, allowHalfOpen: true })
  socket.on("error", () => {})
  socket.resume()
  const closed = new Promise<true>((resolve) => socket.once("close", () => resolve(true)))
  await new Promise((resolve) => socket.once("connect", resolve).once("close", resolve))
  for (const [index, part] of partsOf(visit.bytes, visit.cuts).entries()) {
    if (index > 0) await sleep(1)
    if (socket.writable) socket.write(part)
  }
  end(socket, visit.ending)
  const timer = setTimeout(() => socket.destroy(), hangMs)
  const began = performance.now()
  await closed
  clearTimeout(timer)
  return performance.now() - began < hangMs
}

function end(socket: Socket, how: Visit["ending"]): void {
  if (how === "fin") socket.end()
  if (how === "rst") setImmediate(() => socket.resetAndDestroy())
  // Who waits to be ended ends its own half then.
  socket.once("end", () => socket.end())
}

async function accounted({ sensor, seen, faults }: World, connections: number): Promise<void> {
  const { counts } = sensor.sensor
  for (const until = Date.now() + hangMs; sensor.sensor.open > 0 && Date.now() < until; )
    await sleep(50)
  mustEqual(sensor.sensor.open, 0, "connections that are still open")
  mustEqual(counts.accepted, connections, "accepted, and connected")
  mustEqual(sum(counts), counts.accepted, "the sum of all ways, and accepted")
  mustEqual(seen, { attempts: counts.attempts, flows: counts.flows }, "records, and the counts")
  must(faults.length === 0, String(faults[0]))
}

function sum(counts: Readonly<SensorCounts>): number {
  return ways.reduce((total, way) => total + counts[way], 0)
}

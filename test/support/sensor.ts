/**
 * The real data path in this process, on port 0, with its records in arrays; and origins for it. All
 * names under `.test` are on 127.0.0.1 unless the test says otherwise.
 */
import { randomBytes } from "node:crypto"
import { mkdtempSync, rmSync } from "node:fs"
import { type AddressInfo, connect, type Server, type Socket } from "node:net"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { type ConnectionOptions, type TLSSocket, connect as tlsConnect } from "node:tls"
import type { z } from "zod"
import { createLeafKeys, type LeafKeys } from "../../src/ca/leaf-keys.ts"
import { LeafStore } from "../../src/ca/leaf-store.ts"
import { mintLeaf } from "../../src/ca/mint.ts"
import { openTrialLedger, type TrialLedger } from "../../src/evidence/trial-ledger.ts"
import { Limits } from "../../src/intercept/limits.ts"
import { ListenerSettings } from "../../src/intercept/listeners.ts"
import { OpenSplices } from "../../src/intercept/open-splices.ts"
import { OriginMemory } from "../../src/intercept/origin-memory.ts"
import { OriginSettings } from "../../src/intercept/origin-settings.ts"
import { originTrust } from "../../src/intercept/origin-trust.ts"
import { defaultResolverLimits, type Lookup, Resolver } from "../../src/intercept/resolver.ts"
import { type Sensor, startSensor } from "../../src/intercept/sensor.ts"
import type { RegisterHit, SensorDeps } from "../../src/intercept/sensor-deps.ts"
import { defaultFastWindow } from "../../src/observe/outcome.ts"
import { parseNetwork } from "../../src/policy/destination/addresses.ts"
import { clientAllowed, makeGuard } from "../../src/policy/destination/guard.ts"
import { preparePolicy } from "../../src/policy/prepare.ts"
import { ControlSettings, Rules } from "../../src/policy/settings.ts"
import { TrialUse } from "../../src/policy/trial/trial-use.ts"
import { Attempt } from "../../src/record/attempt.ts"
import { Flow } from "../../src/record/flow.ts"
import { recordId } from "../../src/record/record-id.ts"
import type { RegisterEntry } from "../../src/record/register-entry.ts"
import { sensorCa } from "../ca/made-ca.ts"

const folder = mkdtempSync(join(tmpdir(), "pinsensor-intercept-"))
process.once("exit", () => rmSync(folder, { recursive: true, force: true }))

/** What clients are told to trust, and what signs the origins' certificates. */
export const inspectionCa = sensorCa(folder, "ec", Date.now())
export const originCa = sensorCa(folder, "rsa", Date.now())
export const inspectionFiles = inspectionCa
const keys: LeafKeys = await createLeafKeys()

/** How long a test waits for a record before it says that there is none, in milliseconds. */
const patience = 8_000

export interface OriginCertificate {
  key: string
  cert: string
}

/** A certificate of an origin; `at` is when it was made (14 days before its end). */
export function originCertificate(
  name: string,
  { ca = originCa, at = Date.now() }: { ca?: typeof originCa; at?: number } = {},
): OriginCertificate {
  const leaf = mintLeaf(ca, keys.ec, { name, now: at })
  return { key: keys.ec.keyPem, cert: leaf.chainPem }
}

export interface TestSensor {
  sensor: Sensor
  /** Of the first listener. */
  port: number
  deps: SensorDeps
  attempts: Attempt[]
  flows: Flow[]
  hits: RegisterHit[]
  logs: { level: string; event: string; fields: Record<string, unknown> }[]
  /** The next attempt (or flow) that no test has seen yet; fails after some seconds. */
  attempt(): Promise<Attempt>
  flow(): Promise<Flow>
}

export interface Given {
  rules?: unknown[]
  control?: Record<string, unknown>
  entries?: RegisterEntry[]
  limits?: Record<string, unknown>
  notTls?: "splice" | "block"
  origin?: z.input<typeof OriginSettings>
  lookup?: Lookup
  /** Networks that the guard opens; loopback unless the test says otherwise. */
  open?: string[]
  clients?: string[]
  /** The device that every client is bound to. */
  device?: string
  /** Folder of the trials' ledger, where several sensors share one. */
  ledgerIn?: string
  deps?: Partial<SensorDeps>
  /** One explicit listener on port 0 of 127.0.0.1 unless the test says otherwise. */
  listeners?: z.input<typeof ListenerSettings>[]
}

interface Closing {
  teardown(fn: () => Promise<unknown> | unknown): void
}

export const testNames: Lookup = async (name) => {
  if (name.endsWith(".test")) return ["127.0.0.1"]
  throw Object.assign(new Error("no such name"), { code: "ENOTFOUND" })
}

const explicitListener = { name: "explicit", kind: "explicit", listen: "127.0.0.1:0" } as const

export async function testSensor(t: Closing, given: Given = {}): Promise<TestSensor> {
  const attempts = new Queue<Attempt>()
  const flows = new Queue<Flow>()
  const hits: RegisterHit[] = []
  const logs: TestSensor["logs"] = []
  const trials = new TrialUse(ledgerOf(t, given))
  const control = ControlSettings.parse(given.control ?? {})
  const rules = Rules.parse(given.rules ?? [])
  const prepared = preparePolicy({ rules, control }, given.entries ?? [], trials)
  const log: SensorDeps["log"] = (level, event, fields) => logs.push({ level, event, fields })
  const { policy = () => prepared } = given.deps ?? {}
  const deps: SensorDeps = {
    sensor: {
      common: { tenant: "t", site: "s", sensor_id: "test", v: 1 },
      issuingCa: inspectionCa.fingerprint,
      sensorConfig: "config",
      fastWindow: defaultFastWindow,
      newId: (now) => recordId(now, randomBytes(10)),
    },
    ca: inspectionCa,
    leaves: new LeafStore({ ca: inspectionCa, keys }),
    origins: new OriginMemory(),
    trust: originTrust(originCa.certPem),
    origin: OriginSettings.parse(given.origin ?? {}),
    resolver: new Resolver(Date.now, defaultResolverLimits, given.lookup ?? testNames),
    upstreamProxy: null,
    guard: makeGuard({
      ownAddresses: [],
      allowDestinations: (given.open ?? ["127.0.0.0/8"]).map(parseNetwork),
    }),
    clientAllowed: clientAllowed(given.clients?.map(parseNetwork)),
    logins: null,
    limits: Limits.parse(given.limits ?? {}),
    notTls: given.notTls ?? "splice",
    policy,
    instead: () => null,
    deviceOf: () => ({ device_id: given.device ?? null, device_groups: [] }),
    trials,
    splices: new OpenSplices({ policy, clock: Date.now, log }),
    clock: Date.now,
    // Parsed: a record that breaks its own schema fails the test that made it.
    onAttempt: (attempt) => attempts.add(Attempt.parse(attempt)),
    onFlow: (flow) => flows.add(Flow.parse(flow)),
    onHit: (hit) => hits.push(hit),
    log,
    ...given.deps,
  }
  const listeners = (given.listeners ?? [explicitListener]).map((one) =>
    ListenerSettings.parse(one),
  )
  const sensor = await startSensor(listeners, deps)
  t.teardown(() => sensor.close(0))
  return {
    sensor,
    port: sensor.addresses[listeners[0]?.name ?? ""]?.port ?? 0,
    deps,
    attempts: attempts.all,
    flows: flows.all,
    hits,
    logs,
    attempt: () => attempts.next("attempt"),
    flow: () => flows.next("flow"),
  }
}

/** Where no trial is given there is none to be asked. */
function ledgerOf(t: Closing, { entries = [], ledgerIn }: Given): TrialLedger | null {
  if (ledgerIn === undefined && !entries.some(({ kind }) => kind === "trial")) return null
  const ledger = openTrialLedger(ledgerIn ?? mkdtempSync(join(folder, "trials-")))
  t.teardown(() => ledger.close())
  return ledger
}

class Queue<Item> {
  readonly all: Item[] = []
  #taken = 0
  #waiting: (() => void)[] = []

  add(item: Item): void {
    this.all.push(item)
    this.#waiting.shift()?.()
  }

  async next(what: string): Promise<Item> {
    if (this.#taken >= this.all.length) {
      const { promise, resolve, reject } = Promise.withResolvers<void>()
      const timer = setTimeout(() => reject(new Error(`no ${what} was recorded`)), patience)
      this.#waiting.push(resolve)
      await promise
      clearTimeout(timer)
    }
    return this.all[this.#taken++] as Item
  }
}

/** Listens on a free port of 127.0.0.1 and is closed, its connections too, when the test ends. */
export async function listening(t: Closing, server: Server, host = "127.0.0.1"): Promise<number> {
  const open = new Set<Socket>()
  server.on("connection", (socket: Socket) => {
    open.add(socket)
    socket.on("error", () => {})
    socket.once("close", () => open.delete(socket))
  })
  server.on("tlsClientError", () => {})
  server.on("secureConnection", (socket: TLSSocket) => socket.on("error", () => {}))
  await new Promise<void>((resolve) => server.listen(0, host, resolve))
  t.teardown(() => {
    server.close()
    for (const socket of open) socket.destroy()
  })
  return (server.address() as AddressInfo).port
}

/** A TCP connection to the sensor's explicit listener on which CONNECT has been answered with 200. */
export async function tunnel(
  { port }: { port: number },
  target: string,
  headers = "",
  from = "127.0.0.1",
  /** Said before it. */
  first = "",
): Promise<Socket> {
  const socket = connect({
    port,
    host: "127.0.0.1",
    localAddress: from,
    allowHalfOpen: true,
    noDelay: true,
  })
  socket.on("error", () => {})
  socket.write(`${first}CONNECT ${target} HTTP/1.1\r\nHost: ${target}\r\n${headers}\r\n`)
  const head = await untilHeadEnd(socket)
  if (!head.startsWith("HTTP/1.1 200 ")) throw new Error(`CONNECT was answered: ${head}`)
  return socket
}

async function untilHeadEnd(socket: Socket): Promise<string> {
  let text = ""
  while (!text.endsWith("\r\n\r\n")) {
    const byte: Buffer | null = socket.read(1)
    if (byte) text += byte.toString("latin1")
    else if (socket.readableEnded || socket.destroyed) throw new Error(`ended after: ${text}`)
    else await Promise.race([once(socket, "readable"), once(socket, "close"), once(socket, "end")])
  }
  return text
}

export function once(emitter: NodeJS.EventEmitter, event: string): Promise<unknown> {
  return new Promise((resolve) => emitter.once(event, resolve))
}

export const pause = (ms: number) => new Promise<void>((resolve) => setTimeout(resolve, ms))

/** A TLS client behind the sensor that trusts the inspection CA unless told otherwise. */
export async function tlsThrough(
  sensor: { port: number },
  target: string,
  options: ConnectionOptions = {},
): Promise<TLSSocket> {
  const socket = await tunnel(sensor, target)
  const servername = target.replace(/:\d+$/, "")
  const named = /[a-z]/.test(servername) ? { servername } : {}
  const client = tlsConnect({ socket, ca: inspectionCa.certPem, ...named, ...options })
  client.on("error", () => {})
  return client
}

/** How a handshake came out: the socket is usable after `ok`. */
export function handshake(client: TLSSocket): Promise<{ ok: boolean; error: string }> {
  return new Promise((resolve) => {
    client.once("secureConnect", () => resolve({ ok: true, error: "" }))
    client.once("error", (error) => resolve({ ok: false, error: error.message }))
    client.once("close", () => resolve({ ok: false, error: "closed" }))
  })
}

/** Everything a socket still receives, and how it ended. */
export function received(socket: Socket): Promise<{ bytes: Buffer; end: "fin" | "rst" }> {
  const chunks: Buffer[] = []
  return new Promise((resolve) => {
    socket.on("data", (chunk: Buffer) => chunks.push(chunk))
    socket.once("end", () => resolve({ bytes: Buffer.concat(chunks), end: "fin" }))
    socket.once("error", () => resolve({ bytes: Buffer.concat(chunks), end: "rst" }))
    socket.once("close", () => resolve({ bytes: Buffer.concat(chunks), end: "fin" }))
    socket.resume()
  })
}

/** Sends a request and returns what came back until the other side ended. */
export async function ask(client: TLSSocket, request = "GET / HTTP/1.1\r\n\r\n"): Promise<string> {
  client.write(request)
  return (await received(client)).bytes.toString("latin1")
}

/**
 * Passes a connection on unread and judges whether it was used. Bytes are looked at (five-byte record
 * headers) until the verdict is in; from then on they are only moved.
 */
import type { Duplex } from "node:stream"
import { type OpaqueEnd, OpaqueSession } from "../observe/opaque-session.ts"
import type { Decision } from "../policy/decide.ts"
import type { Flow } from "../record/flow.ts"
import type { ClientConnection } from "./client-connection.ts"
import { type Destination, openStream } from "./destination.ts"
import { keepAlive } from "./keep-alive.ts"
import { endIdle, pump, pumpFrom } from "./pump.ts"
import type { SensorDeps } from "./sensor-deps.ts"
import { errorCode } from "./tls-error.ts"

const versionNames = new Map([
  [0x0303, "TLSv1.2"],
  [0x0304, "TLSv1.3"],
])

/** `to`: what was allowed, best first. The bytes of the hello were read and put back. */
export function splice(
  connection: ClientConnection,
  decision: Decision,
  to: Destination,
  deps: SensorDeps,
): void {
  const client = connection.arrival.raw
  if (to.addresses.length === 0) connection.destinationIp = null
  const { origin, inflow } = openStream(to, deps.limits["upstream-time"])
  const session = new OpaqueSession()
  const flow = new FlowRecord(connection, decision, deps)
  const trial = decision.splice_cause === "trial" ? decision.register_entry : null
  let ended: Ended | null = null
  let connected = false
  let recorded = false

  function over(by: Ended["by"], how: OpaqueEnd["how"]): void {
    ended ??= { by, how }
  }
  function cut(how: OpaqueEnd["how"]): void {
    over("sensor", how)
    client.destroy()
    origin.destroy()
  }
  function passed(chunk: Buffer): void {
    if (trial && !deps.trials.passed(trial, chunk.length, deps.policy().control)) cut("fin")
  }

  const timers: NodeJS.Timeout[] = [
    setTimeout(() => {
      if (!connected) cut("timeout")
    }, deps.limits["upstream-time"]),
  ]
  if (decision.splice_until !== null)
    timers.push(setTimeout(() => cut("timeout"), decision.splice_until - deps.clock()))
  const settled = () => {
    if (session.settled) timers.push(setTimeout(() => flow.write(session, null), recordAfter))
  }
  const recordAfter = deps.limits["record-after"]

  origin.once("connect", () => {
    connected = true
    keepAlive(origin)
    connection.destinationIp = origin.remoteAddress ?? connection.destinationIp
  })
  endIdle(client, origin, deps.limits, () => cut("timeout"))
  pump(client, origin, (chunk) => {
    if (!session.settled) {
      session.client(chunk)
      settled()
    }
    passed(chunk)
  })
  pumpFrom(inflow, origin, client, (chunk) => {
    if (!session.settled) {
      session.server(chunk)
      settled()
    }
    passed(chunk)
  })
  client.on("end", () => over("client", "fin"))
  origin.on("end", () => over("origin", "fin"))
  client.on("error", () => over("client", "rst"))
  origin.on("error", (error) => {
    over("origin", connected ? "rst" : "unknown")
    flow.unreachable = connected ? null : errorCode(error)
  })
  const leave = () => {
    // What was written may still go out; an origin that takes it and never ends is not waited for.
    if (!origin.writableEnded) return origin.destroy()
    // The client has seen all it will see: the record does not wait, a stop would lose it.
    settle()
    origin.setTimeout(deps.limits["half-closed-time"], () => origin.destroy())
    origin.resume()
  }
  if (client.destroyed) leave()
  else client.on("close", leave)
  origin.on("close", () => {
    if (!client.writableEnded) client.destroySoon()
  })
  function settle(): void {
    if (recorded) return
    recorded = true
    for (const timer of timers) clearTimeout(timer)
    flow.write(session, ended ?? { by: "unknown", how: "unknown" })
    flow.close(client.bytesRead + origin.bytesRead)
  }
  whenBothClosed(client, origin, settle)
  flow.open()
}

interface Ended {
  by: OpaqueEnd["by"]
  how: OpaqueEnd["how"]
}

function whenBothClosed(one: Duplex, other: Duplex, then: () => void): void {
  let open = [one, other].filter((socket) => !socket.closed).length
  const closed = () => {
    open--
    if (open === 0) then()
  }
  if (open === 0) return then()
  for (const socket of [one, other]) if (!socket.closed) socket.once("close", closed)
}

/** Writes the flow once, and the use of the register entry at its begin and end. */
class FlowRecord {
  /** Why the origin could not be reached; null once it was. */
  unreachable: string | null = null
  readonly #connection: ClientConnection
  readonly #decision: Decision
  readonly #deps: SensorDeps
  readonly #id: string
  readonly #began = performance.now()
  #written = false

  constructor(connection: ClientConnection, decision: Decision, deps: SensorDeps) {
    this.#connection = connection
    this.#decision = decision
    this.#deps = deps
    this.#id = deps.sensor.newId(connection.acceptedMs)
  }

  open(): void {
    this.#hit("open", 0)
  }

  close(bytes: number): void {
    this.#hit("close", bytes)
  }

  #hit(event: "open" | "close", bytes: number): void {
    const entry_id = this.#decision.register_entry
    if (entry_id === null) return
    const at_ms = this.#deps.clock()
    if (event === "open" && this.#decision.splice_cause === "trial")
      this.#deps.trials.opened(entry_id, at_ms)
    const { sensor_id } = this.#deps.sensor.common
    this.#deps.onHit({ entry_id, at_ms, event, sensor_id, connection_id: this.#id, bytes })
  }

  /** `ended` null: the session goes on, its use is proved. */
  write(session: OpaqueSession, ended: Ended | null): void {
    if (this.#written) return
    this.#written = true
    const { acceptedMs, bytesIn, bytesOut } = this.#connection
    const { sensor } = this.#deps
    const verdict = session.verdict(ended ?? { by: "unknown", how: "unknown" })
    const cause = this.#decision.splice_cause
    const flow: Flow = {
      ...sensor.common,
      id: this.#id,
      observed_at: new Date(acceptedMs).toISOString(),
      decision: "splice",
      rule: this.#decision.rule,
      splice_cause: cause,
      issuing_ca: sensor.issuingCa,
      sensor_config: sensor.sensorConfig,
      ...this.#connection.connected(),
      source: "sensor",
      // All other splices are our own decision and prove nothing.
      control: cause === "trial",
      register_entry: this.#decision.register_entry,
      network: "tcp",
      verdict: verdict.verdict,
      reason: this.unreachable ?? verdict.reason,
      strong: verdict.strong,
      estimated: verdict.estimated,
      tls_version: verdict.tlsVersion === null ? null : tlsVersionName(verdict.tlsVersion),
      cipher: verdict.cipherSuite === null ? null : `0x${verdict.cipherSuite.toString(16)}`,
      client_bytes: bytesIn,
      server_bytes: bytesOut,
      duration_ms: Math.round(performance.now() - this.#began),
      end: ended === null || ended.how === "unknown" ? "none" : ended.how,
      ended_by: ended === null || ended.by === "unknown" ? null : ended.by,
    }
    this.#deps.onFlow(flow, this.#connection.arrival.raw)
  }
}

function tlsVersionName(version: number): string {
  return versionNames.get(version) ?? `0x${version.toString(16)}`
}

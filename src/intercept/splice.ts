/**
 * Passes a connection on unread and judges whether it was used. Bytes are looked at (five-byte record
 * headers) until the verdict is in; from then on they are only moved, and counted.
 */
import type { Duplex } from "node:stream"
import { type OpaqueEnd, OpaqueSession } from "../observe/opaque-session.ts"
import { SecondHello } from "../observe/second-hello.ts"
import type { Decision } from "../policy/decide.ts"
import { bypassIdOf } from "../policy/register/bypass-id.ts"
import type { ClientConnection } from "./client-connection.ts"
import { type Destination, openStream } from "./destination.ts"
import { type Ended, FlowRecord } from "./flow-record.ts"
import { keepAlive } from "./keep-alive.ts"
import type { CutReason } from "./open-splices.ts"
import { endIdle, pump, pumpFrom } from "./pump.ts"
import type { SensorDeps } from "./sensor-deps.ts"
import { SpliceHits } from "./splice-hits.ts"
import { errorCode } from "./tls-error.ts"

/** Node's timers count in 31 bits; beyond, they would fire at once. */
const longestTimer = 2 ** 31 - 1

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
  const bypassId = bypassIdOf(decision) ?? decision.rule
  const hits = new SpliceHits({ bypassId, flowId: flow.id }, deps)
  // A name opened it: another one, said where a name may be said again, is not let through.
  const again = decision.by_name && connection.hello ? new SecondHello(connection.hello) : null
  const trial = decision.splice_cause === "trial" ? decision.register_entry : null
  let ended: Ended | null = null
  let connected = false
  let recorded = false

  function over(by: Ended["by"], how: OpaqueEnd["how"]): void {
    ended ??= { by, how }
  }
  function end(how: OpaqueEnd["how"]): void {
    over("sensor", how)
    client.destroy()
    origin.destroy()
  }
  function cut(because: CutReason): void {
    flow.cut = because
    end(because === "cut-trial-over" ? "timeout" : "fin")
  }
  /** Before they move: bytes that a trial has no room for do not. */
  function passes({ length }: Buffer): void {
    if (trial !== null && !deps.trials.passes(trial, length, deps.clock(), deps.policy().control))
      cut("cut-trial-spent")
    else hits.passed(length)
  }
  const closed = deps.splices.add({ cut, tell: () => hits.tell() }, decision.register_entry)

  const timers: NodeJS.Timeout[] = [
    setTimeout(() => {
      if (!connected) end("timeout")
    }, deps.limits["upstream-time"]),
  ]
  // The end of other entries may still move (open-splices.ts).
  if (trial !== null && decision.splice_until !== null)
    timers.push(
      setTimeout(
        () => cut("cut-trial-over"),
        Math.min(longestTimer, decision.splice_until - deps.clock()),
      ),
    )
  const settled = () => {
    if (session.settled) timers.push(setTimeout(() => flow.write(session, null), recordAfter))
  }
  const recordAfter = deps.limits["record-after"]

  origin.once("connect", () => {
    connected = true
    keepAlive(origin)
    connection.destinationIp = origin.remoteAddress ?? connection.destinationIp
  })
  endIdle(client, origin, deps.limits, () => end("timeout"))
  pump(client, origin, (chunk) => {
    if (again && !session.answered && !again.client(chunk)) return cut("cut-other-name")
    if (!session.settled) {
      session.client(chunk)
      settled()
    }
    passes(chunk)
  })
  pumpFrom(inflow, origin, client, (chunk) => {
    if (!session.settled) {
      session.server(chunk)
      settled()
    }
    passes(chunk)
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
    const late = setTimeout(() => origin.destroy(), deps.limits["half-closed-time"]).unref()
    origin.once("close", () => clearTimeout(late))
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
    hits.close()
    closed()
  }
  whenBothClosed(client, origin, settle)
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

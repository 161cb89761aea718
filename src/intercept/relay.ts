/**
 * What follows an answered ClientHello: the upstream leg, the bytes in between, the record at the end.
 *
 * Owned state: one inspected connection. Until this connection's own leg is verified no byte of the
 * client is passed on and none of the origin comes back; at most one chunk of the client waits.
 */
import type { TLSSocket } from "node:tls"
import { H2Request } from "../observe/h2-request.ts"
import type { AttemptFacts, Upstream } from "../record/attempt.ts"
import type { ClientConnection } from "./client-connection.ts"
import { dialOrigin, type OriginLeg, type OriginTarget } from "./dial-origin.ts"
import type { OriginFacts } from "./origin-memory.ts"
import { endHalfClosed, pump, pumpFrom } from "./pump.ts"
import type { SensorDeps } from "./sensor-deps.ts"
import { peerLeft } from "./tcp-info.ts"
import { tlsFault } from "./tls-error.ts"

/** Protocols in which the client speaks first. Until it does the origin is not troubled, and what
 * it says unasked (SETTINGS on h2) is not delivered: silence stays silence. */
const clientSpeaksFirst: ReadonlySet<string | null> = new Set(["h2", "http/1.1"])
const certificateRequired = 116

export interface RelayParts {
  connection: ClientConnection
  client: TLSSocket
  target: OriginTarget
  facts: OriginFacts
  /** Of a first contact; null where the client was answered on remembered facts. */
  leg: OriginLeg | null
  /** The remembered facts no longer hold, for what the origin did now. */
  forget: (upstream: Upstream) => void
}

type End = AttemptFacts["end"]
type EndedBy = AttemptFacts["ended_by"]

export class Relay {
  readonly #parts: RelayParts
  readonly #deps: SensorDeps
  readonly #h2: H2Request | null
  #leg: OriginLeg | null
  #cancelDial: (() => void) | null = null
  #waiting: Buffer | null = null
  #relaying = false
  #lastFrom: "client" | "origin" | null = null
  #end: { how: End; by: EndedBy } | null = null
  #recordTimer: NodeJS.Timeout | null = null

  constructor(parts: RelayParts, deps: SensorDeps) {
    this.#parts = parts
    this.#deps = deps
    this.#leg = parts.leg
    this.#h2 = parts.facts.upstream.alpn === "h2" ? new H2Request() : null
    if (this.#h2) parts.connection.h2Headers = false
    parts.client.on("close", () => this.#closed())
  }

  /** The client's Finished is in. */
  finished(): void {
    const { client, facts } = this.#parts
    client.setTimeout(this.#deps.limits["idle-time"], () => this.#stop("timeout"))
    client.once("data", (chunk: Buffer) => {
      if (this.#relaying) return
      client.pause()
      this.#fromClient(chunk)
      this.#waiting = chunk
      this.#open()
    })
    client.resume()
    if (!clientSpeaksFirst.has(facts.upstream.alpn)) this.#open()
  }

  /** The client ended, broke off or was given up, in the handshake or after it. */
  gone(how: End, by: EndedBy): void {
    this.#end ??= { how, by }
    const { client, connection } = this.#parts
    if (how === "fin" && (this.#relaying || this.#waiting)) {
      // A silent client's end is judged by when it came, not by when the origin has answered it.
      if (connection.clientAppBytes === 0) this.#record()
      return
    }
    this.#record()
    this.#drop()
    // Writing to what is gone makes an error with a stack trace, a tenth of a refusal's cost.
    if (client.destroyed) return
    if (how === "fin") client.end()
    else client.destroy()
  }

  #open(): void {
    if (this.#leg && !this.#stale(this.#leg)) return this.#start(this.#leg)
    if (this.#cancelDial || this.#end) return
    const { target, facts } = this.#parts
    const { trust, limits } = this.#deps
    const { cancel } = dialOrigin(target, trust, limits["upstream-time"], false, (answered) => {
      if (!answered.ok) return this.#fail(answered.upstream)
      const { leg } = answered
      const changed =
        leg.upstream.leaf !== facts.upstream.leaf
          ? "certificate"
          : leg.upstream.alpn !== facts.upstream.alpn
            ? "alpn"
            : null
      if (!changed) return this.#start(leg)
      leg.socket.destroy()
      this.#fail({ ...leg.upstream, status: "changed", reason: changed })
    })
    this.#cancelDial = cancel
  }

  /** The leg of a first contact waits for the client's first byte, and the origin need not wait so
   * long. */
  #stale({ socket }: OriginLeg): boolean {
    if (!socket.destroyed && !socket.readableEnded && !peerLeft(socket)) return false
    socket.destroy()
    this.#leg = null
    return true
  }

  #fail(upstream: Upstream): void {
    this.#parts.connection.upstream = upstream
    this.#parts.forget(upstream)
    this.#stop("none")
  }

  #start(leg: OriginLeg): void {
    const { connection, client, facts } = this.#parts
    const origin = leg.socket
    this.#leg = leg
    this.#relaying = true
    connection.destinationIp = leg.address
    connection.upstream = { ...facts.upstream, status: "verified", leaf: leg.upstream.leaf }
    if (this.#waiting) this.#toOrigin(this.#waiting)
    this.#waiting = null
    endHalfClosed(client, origin, this.#deps.limits)
    pump(client, origin, (chunk) => this.#fromClient(chunk))
    pumpFrom(
      leg.inflow,
      origin,
      client,
      (chunk) => this.#fromOrigin(chunk),
      () => {
        if (!leg.end.truncated) return client.end()
        // No close_notify of ours where the origin sent none: what was read goes out, then a bare FIN.
        client.write("", () => connection.arrival.raw.end())
      },
    )
    // It may have ended behind its request while the leg was dialled.
    if (client.readableEnded) origin.end()
    origin.on("end", () => {
      this.#missedCertificate()
      this.#end ??= { how: "fin", by: "origin" }
    })
    origin.on("error", (error) => {
      const fault = tlsFault(error)
      this.#missedCertificate(fault.kind === "alert" && fault.alert === certificateRequired)
      this.#stop("rst", "origin")
    })
    origin.on("close", () => {
      if (!origin.readableEnded) this.#stop("rst", "origin")
      else if (leg.end.truncated) client.destroy()
    })
  }

  #toOrigin(chunk: Buffer): void {
    this.#leg?.socket.write(chunk)
  }

  #fromClient(chunk: Buffer): void {
    const { connection } = this.#parts
    connection.reach("first_data")
    connection.clientAppBytes += chunk.length
    if (this.#lastFrom !== "client") connection.clientTurns++
    this.#lastFrom = "client"
    if (this.#h2 && !this.#h2.seen) {
      this.#h2.client(chunk)
      connection.h2Headers = this.#h2.seen
    }
    if (!this.#h2 || this.#h2.seen) this.#recordSoon()
  }

  #fromOrigin(chunk: Buffer): void {
    this.#parts.connection.deliveredAppBytes += chunk.length
    this.#lastFrom = "origin"
  }

  /** An accepted connection may live for hours: its acceptance is told within seconds. */
  #recordSoon(): void {
    this.#recordTimer ??= setTimeout(
      () => this.#write("none", null),
      this.#deps.limits["record-after"],
    )
  }

  /** An origin that asked for a certificate and ends without an answer did not want us without. */
  #missedCertificate(demanded = false): void {
    const { connection, forget } = this.#parts
    const asked = connection.upstream.client_certificate === "requested"
    const unanswered = connection.clientAppBytes > 0 && connection.deliveredAppBytes === 0
    if (!demanded && !(asked && unanswered && this.#end === null)) return
    connection.upstream = {
      ...connection.upstream,
      status: "wants-client-certificate",
      reason: demanded ? `alert ${certificateRequired}` : "closed-without-answer",
      client_certificate: "required",
    }
    forget(connection.upstream)
  }

  /** Ends the client's connection from our side: never with a clean TLS close. */
  #stop(how: End, by: EndedBy = "sensor"): void {
    this.#end ??= { how, by }
    this.#record()
    this.#drop()
    this.#parts.client.destroy()
  }

  #drop(): void {
    this.#cancelDial?.()
    this.#leg?.socket.destroy()
  }

  #closed(): void {
    this.#record()
    const origin = this.#leg?.socket
    if (!origin) this.#cancelDial?.()
    else if (!origin.destroyed) {
      // What was written may still go out; an origin that does not take it is not waited for.
      origin.setTimeout(this.#deps.limits["half-closed-time"], () => origin.destroy())
      origin.destroySoon()
    }
  }

  #record(): void {
    const { how, by } = this.#end ?? { how: "none", by: "sensor" }
    this.#write(how, by)
  }

  #write(how: End, by: EndedBy): void {
    if (this.#recordTimer) clearTimeout(this.#recordTimer)
    const attempt = this.#parts.connection.record(this.#deps.sensor, how, by)
    if (attempt) this.#deps.onAttempt(attempt, this.#parts.connection.arrival.raw)
  }
}

/**
 * One client connection from its arrival to its record: collects phase facts from the socket, and
 * writes one attempt at the end. It decides nothing about traffic.
 */
import type { Socket } from "node:net"
import type { ClientHello } from "../observe/client-hello.ts"
import { ja4 } from "../observe/ja4.ts"
import { outcomeOf } from "../observe/outcome.ts"
import { stackKey } from "../observe/stack.ts"
import { attemptToken } from "../observe/token.ts"
import type { Decision } from "../policy/decide.ts"
import type { Attempt, AttemptFacts, Phase, Upstream } from "../record/attempt.ts"
import type { SpliceCause } from "../record/common.ts"
import type { Relayed } from "../record/connection.ts"
import { notContacted } from "./dial-origin.ts"
import type { Found } from "./find-addresses.ts"
import type { SensorFacts } from "./sensor-deps.ts"
import type { TcpInfo } from "./tcp-info.ts"

/** How a connection reached us, before a byte of TLS was read. */
export interface Arrival {
  raw: Socket
  listener: string
  transport: "direct" | "relayed"
  /** What a PROXY protocol header said; null where none was read. */
  relayedBy: Relayed | null
  clientIp: string
  clientPort: number
  proxyUser: string | null
  connectHost: string | null
  connectUserAgent: string | null
  /** The address the client asked for, where it named one. */
  destinationIp: string | null
  destinationPort: number
  /** Bytes that came behind the CONNECT head. */
  head: Buffer
  /** Where the host that was asked for may be dialled. */
  found: Found
}

export type PhaseName = keyof AttemptFacts["phases"]

/** What the facts of a connection say that is common to attempts and flows. */
function connectionFacts(arrival: Arrival, hello: ClientHello | null) {
  return {
    client_ip: arrival.clientIp,
    client_port: arrival.clientPort,
    transport: arrival.transport,
    relayed_by: arrival.relayedBy,
    proxy_user: arrival.proxyUser,
    destination_port: arrival.destinationPort,
    sni: hello?.sni ?? null,
    connect_host: arrival.connectHost,
    connect_user_agent: arrival.connectUserAgent,
    ech_offered: hello?.echOffered ?? false,
    ja4: hello ? ja4(hello) : null,
    stack: hello ? stackKey(hello) : null,
    alpn_offered: hello ? [...hello.alpn] : [],
  }
}

/** Owned state: the facts so far. */
export class ClientConnection {
  readonly arrival: Arrival
  readonly acceptedMs: number
  #hello: ClientHello | null = null
  #facts: ReturnType<typeof connectionFacts> | null = null
  helloFault: string | null = null
  destinationIp: string | null
  nameAgrees: boolean | null = null
  decision: Pick<Decision, "do" | "rule"> = { do: "inspect", rule: "default" }
  spliceCause: SpliceCause | null = null
  upstream: Upstream = notContacted
  leaf: { fingerprint: string; check: string } | null = null
  tls: Pick<AttemptFacts, "alpn_chosen" | "tls_version" | "cipher"> = {
    alpn_chosen: null,
    tls_version: null,
    cipher: null,
  }
  alert: Pick<AttemptFacts, "alert" | "alert_level" | "alert_from" | "alert_after_finished"> = {
    alert: null,
    alert_level: null,
    alert_from: null,
    alert_after_finished: null,
  }
  closeNotifyFrom: AttemptFacts["close_notify_from"] = null
  clientAppBytes = 0
  clientTurns = 0
  deliveredAppBytes = 0
  h2Headers: boolean | null = null
  tcp: TcpInfo | null = null
  readonly #began = performance.now()
  readonly #phases: AttemptFacts["phases"] = {
    hello: null,
    certificate: null,
    delivered: null,
    finished: null,
    first_data: null,
    closed: null,
  }
  #baseIn = 0
  #baseOut = 0
  #recorded = false

  constructor(arrival: Arrival, acceptedMs: number) {
    this.arrival = arrival
    this.acceptedMs = acceptedMs
    this.destinationIp = arrival.destinationIp
  }

  get hello(): ClientHello | null {
    return this.#hello
  }

  set hello(hello: ClientHello) {
    this.#hello = hello
    this.#facts = null
  }

  /** Who came and asked for what; fingerprints cost 20 microseconds, so they are made once. */
  get facts(): ReturnType<typeof connectionFacts> {
    this.#facts ??= connectionFacts(this.arrival, this.#hello)
    return this.#facts
  }

  /** Bytes count from here on: what went before (CONNECT and its answer) is not TLS. */
  startTls(helloBytes: number): void {
    this.#baseIn = this.arrival.raw.bytesRead - helloBytes
    this.#baseOut = this.arrival.raw.bytesWritten
  }

  get bytesIn(): number {
    return this.arrival.raw.bytesRead - this.#baseIn
  }

  get bytesOut(): number {
    return this.arrival.raw.bytesWritten - this.#baseOut
  }

  /** All bytes that we wrote, the answer to CONNECT among them: what TCP_INFO counts. */
  get allBytesOut(): number {
    return this.arrival.raw.bytesWritten
  }

  has(phase: PhaseName): boolean {
    return this.#phases[phase] !== null
  }

  /** Notes that a phase is reached, now or so long ago; the first time counts. */
  reach(phase: PhaseName, agoMs = 0): void {
    this.#phases[phase] ??= this.#point(agoMs)
  }

  #point(agoMs: number): Phase {
    return {
      ms: Math.round((performance.now() - this.#began - agoMs) * 1000) / 1000,
      bytes_in: this.bytesIn,
      bytes_out: this.bytesOut,
    }
  }

  /** Writes the attempt: once, however often it is asked to. */
  record(
    sensor: SensorFacts,
    end: AttemptFacts["end"],
    endedBy: AttemptFacts["ended_by"],
  ): Attempt | null {
    if (this.#recorded) return null
    this.#recorded = true
    if (end !== "none" || endedBy !== null) this.reach("closed")
    const facts = this.#attemptFacts(sensor, end, endedBy)
    return { ...facts, ...outcomeOf(facts, sensor.fastWindow), token: attemptToken(facts) }
  }

  #attemptFacts(
    sensor: SensorFacts,
    end: AttemptFacts["end"],
    endedBy: AttemptFacts["ended_by"],
  ): AttemptFacts {
    return {
      ...sensor.common,
      id: sensor.newId(this.acceptedMs),
      observed_at: new Date(this.acceptedMs).toISOString(),
      decision: this.decision.do,
      rule: this.decision.rule,
      splice_cause: this.spliceCause,
      issuing_ca: sensor.issuingCa,
      sensor_config: sensor.sensorConfig,
      ...this.facts,
      destination_ip: this.destinationIp,
      name_agrees: this.nameAgrees,
      ...this.tls,
      group: null,
      phases: this.#phases,
      hello_fault: this.helloFault,
      ...this.alert,
      close_notify_from: this.closeNotifyFrom,
      end,
      ended_by: endedBy,
      client_app_bytes: this.clientAppBytes,
      client_turns: this.clientTurns,
      delivered_app_bytes: this.deliveredAppBytes,
      h2_headers: this.h2Headers,
      rtt_ms: this.tcp?.rttMs ?? null,
      retransmits: this.tcp?.retransmits ?? null,
      leaf: this.leaf?.fingerprint ?? null,
      leaf_check: this.leaf?.check ?? null,
      upstream: this.upstream,
    }
  }
}

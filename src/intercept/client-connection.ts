/**
 * One client connection from its arrival to its record: collects phase facts from the socket, and
 * writes one attempt at the end. It decides nothing about traffic.
 */
import type { Socket } from "node:net"
import type { ClientHello } from "../observe/client-hello.ts"
import { fingerprintsOf } from "../observe/fingerprints.ts"
import { outcomeOf } from "../observe/outcome.ts"
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

/** What is known of a connection once its hello is read. */
function connectionFacts(arrival: Arrival, hello: ClientHello | null) {
  const prints = hello ? fingerprintsOf(hello) : null
  return {
    client_ip: arrival.clientIp,
    destination_port: arrival.destinationPort,
    sni: hello?.sni ?? null,
    connect_host: arrival.connectHost,
    ja4: prints?.ja4 ?? null,
    stack: prints?.stack ?? null,
    alpn_offered: hello?.alpn ?? [],
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
  decision: Pick<Decision, "do" | "rule"> & Partial<Decision> = { do: "inspect", rule: "default" }
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

  /** Who came and asked for what; fingerprints are made once. */
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
    const { outcome, strength, mark } = outcomeOf(facts, sensor.fastWindow)
    return Object.assign(facts, { outcome, strength, mark, token: attemptToken(facts) })
  }

  /** What the kernel measured towards the client; behind a relay it is the relay that it saw. */
  get #path(): TcpInfo | null {
    return this.arrival.transport === "relayed" ? null : this.tcp
  }

  /** What attempts and flows have in common, in the order of the record. */
  connected() {
    const { arrival, facts } = this
    return {
      client_ip: facts.client_ip,
      client_port: arrival.clientPort,
      transport: arrival.transport,
      relayed_by: arrival.relayedBy,
      proxy_user: arrival.proxyUser,
      destination_ip: this.destinationIp,
      destination_port: facts.destination_port,
      sni: facts.sni,
      connect_host: facts.connect_host,
      connect_user_agent: arrival.connectUserAgent,
      name_agrees: this.nameAgrees,
      ech_offered: this.#hello?.echOffered ?? false,
      ja4: facts.ja4,
      stack: facts.stack,
      alpn_offered: [...facts.alpn_offered],
    }
  }

  /** Every field by itself and in the order of the record: what is stored need not be copied then. */
  #attemptFacts(
    sensor: SensorFacts,
    end: AttemptFacts["end"],
    endedBy: AttemptFacts["ended_by"],
  ): AttemptFacts {
    const { common } = sensor
    const connected = this.connected()
    return {
      tenant: common.tenant,
      site: common.site,
      sensor_id: common.sensor_id,
      v: common.v,
      id: sensor.newId(this.acceptedMs),
      observed_at: new Date(this.acceptedMs).toISOString(),
      decision: this.decision.do,
      rule: this.decision.rule,
      splice_cause: this.spliceCause,
      issuing_ca: sensor.issuingCa,
      sensor_config: sensor.sensorConfig,
      client_ip: connected.client_ip,
      client_port: connected.client_port,
      transport: connected.transport,
      relayed_by: connected.relayed_by,
      proxy_user: connected.proxy_user,
      destination_ip: connected.destination_ip,
      destination_port: connected.destination_port,
      sni: connected.sni,
      connect_host: connected.connect_host,
      connect_user_agent: connected.connect_user_agent,
      name_agrees: connected.name_agrees,
      ech_offered: connected.ech_offered,
      ja4: connected.ja4,
      stack: connected.stack,
      alpn_offered: connected.alpn_offered,
      alpn_chosen: this.tls.alpn_chosen,
      tls_version: this.tls.tls_version,
      cipher: this.tls.cipher,
      group: null,
      phases: this.#phases,
      hello_fault: this.helloFault,
      alert: this.alert.alert,
      alert_level: this.alert.alert_level,
      alert_from: this.alert.alert_from,
      alert_after_finished: this.alert.alert_after_finished,
      close_notify_from: this.closeNotifyFrom,
      end,
      ended_by: endedBy,
      client_app_bytes: this.clientAppBytes,
      client_turns: this.clientTurns,
      delivered_app_bytes: this.deliveredAppBytes,
      h2_headers: this.h2Headers,
      rtt_ms: this.#path?.rttMs ?? null,
      retransmits: this.#path?.retransmits ?? null,
      leaf: this.leaf?.fingerprint ?? null,
      leaf_check: this.leaf?.check ?? null,
      upstream: this.upstream,
    }
  }
}

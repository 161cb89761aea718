/** The flow of one splice: what was seen of it from outside, written once. */
import type { OpaqueEnd, OpaqueSession } from "../observe/opaque-session.ts"
import type { Decision } from "../policy/decide.ts"
import type { Flow } from "../record/flow.ts"
import type { ClientConnection } from "./client-connection.ts"
import type { CutReason } from "./open-splices.ts"
import type { SensorDeps } from "./sensor-deps.ts"

const versionNames = new Map([
  [0x0303, "TLSv1.2"],
  [0x0304, "TLSv1.3"],
])

export interface Ended {
  by: OpaqueEnd["by"]
  how: OpaqueEnd["how"]
}

export class FlowRecord {
  readonly id: string
  /** Why the origin could not be reached; null once it was. */
  unreachable: string | null = null
  /** Why the sensor ended it, if it did. */
  cut: CutReason | null = null
  readonly #connection: ClientConnection
  readonly #decision: Decision
  readonly #deps: SensorDeps
  readonly #began = performance.now()
  #written = false

  constructor(connection: ClientConnection, decision: Decision, deps: SensorDeps) {
    this.#connection = connection
    this.#decision = decision
    this.#deps = deps
    this.id = deps.sensor.newId(connection.acceptedMs)
  }

  /** `ended` null: the session goes on, its use is proved. */
  write(session: OpaqueSession, ended: Ended | null): void {
    if (this.#written) return
    this.#written = true
    const { acceptedMs, bytesIn, bytesOut } = this.#connection
    const { sensor } = this.#deps
    const verdict = session.verdict(ended ?? { by: "unknown", how: "unknown" })
    const cause = this.#decision.splice_cause
    // What we ended before it was used shows nothing of the client.
    const telling = this.cut === null || verdict.verdict === "used"
    const flow: Flow = {
      ...sensor.common,
      id: this.id,
      observed_at: new Date(acceptedMs).toISOString(),
      decision: "splice",
      rule: this.#decision.rule,
      splice_cause: cause,
      issuing_ca: sensor.issuingCa,
      sensor_config: sensor.sensorConfig,
      ...this.#connection.connected(),
      source: "sensor",
      // All other splices are our own decision and prove nothing.
      control: cause === "trial" && telling,
      register_entry: this.#decision.register_entry,
      network: "tcp",
      verdict: verdict.verdict,
      reason: this.unreachable ?? this.cut ?? verdict.reason,
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

/** What the data path is given: everything it needs of the rest, by hand, as one object. */
import type { Socket } from "node:net"
import type { InspectionCa } from "../ca/inspection-ca.ts"
import type { LeafStore } from "../ca/leaf-store.ts"
import type { FastWindow } from "../observe/outcome.ts"
import type { ConnectionFacts } from "../policy/connection-view.ts"
import type { Decision } from "../policy/decide.ts"
import type { Guard } from "../policy/destination/guard.ts"
import type { Policy } from "../policy/prepare.ts"
import type { TrialUse } from "../policy/trial/trial-use.ts"
import type { Attempt } from "../record/attempt.ts"
import type { Flow } from "../record/flow.ts"
import type { Limits } from "./limits.ts"
import type { Log } from "./log.ts"
import type { OpenSplices } from "./open-splices.ts"
import type { OriginMemory } from "./origin-memory.ts"
import type { OriginSettings } from "./origin-settings.ts"
import type { OriginTrust } from "./origin-trust.ts"
import type { ProxyLogins } from "./proxy-logins.ts"
import type { Resolver } from "./resolver.ts"
import type { UpstreamProxy } from "./upstream-proxy.ts"

/** What is the same in every record of this sensor process. */
export interface SensorFacts {
  common: { tenant: string; site: string; sensor_id: string; v: 1 }
  issuingCa: string
  /** Identifier of the configuration that evidence depends on. */
  sensorConfig: string
  fastWindow: FastWindow
  newId: (now: number) => string
}

/** A use of a bypass: told when a splice begins, when it ends, and of a long one in between. */
export interface RegisterHit {
  /** Of a register entry, or of what the configuration declares (bypass-id.ts). */
  entry_id: string
  at_ms: number
  /** `close`: its end, or the end of a part of it. */
  event: "open" | "close"
  sensor_id: string
  /** Id of the flow; of a part that ends before it, with the number of the part: `id/1`. */
  connection_id: string
  /** Both directions, since the last part; 0 for `open`. */
  bytes: number
}

export interface SensorDeps {
  sensor: SensorFacts
  ca: InspectionCa
  leaves: LeafStore
  origins: OriginMemory
  trust: OriginTrust
  /** What becomes of a client whose origin is no good; a rule may say otherwise. */
  origin: OriginSettings
  resolver: Resolver
  guard: Guard
  /** Through which origins are dialled; null: they are dialled directly. */
  upstreamProxy: UpstreamProxy | null
  clientAllowed: (address: string) => boolean
  /** Who the users of the explicit proxy are; null: it has none, and nobody is asked. */
  logins: ProxyLogins | null
  limits: Limits
  /** What is done with bytes in a tunnel that are no TLS: passed on, or refused. */
  notTls: "splice" | "block"
  /** Policy as it stands now; a changed register gives another object. */
  policy: () => Policy
  /** For a connection that policy would inspect: what is done in place of that; null: it is. */
  instead: () => Decision | null
  /** The device that an address is bound to now, unambiguously, and its groups. */
  deviceOf: (
    clientIp: string,
  ) => Pick<ConnectionFacts, "device_id" | "device_groups" | "device_personal">
  /** What trials may still let through, over all workers. */
  trials: TrialUse
  /** Closed with the sensor. */
  splices: OpenSplices
  /** Wall clock in epoch milliseconds. */
  clock: () => number
  /** `socket`: the client's. */
  onAttempt: (attempt: Attempt, socket: Socket) => void
  onFlow: (flow: Flow, socket: Socket) => void
  onHit: (hit: RegisterHit) => void
  log: Log
}

/** What the explicit proxy's front is given, and what it tells; its forwarding of plain HTTP and upgrades has the same. */
import type { Socket } from "node:net"
import type { Found } from "./find-addresses.ts"
import type { SensorDeps } from "./sensor-deps.ts"

export interface ConnectRequest {
  socket: Socket
  host: string
  port: number
  userAgent: string | null
  proxyUser: string | null
  head: Buffer
  found: Found
}

export interface FrontEvents {
  /** A CONNECT came; unless the socket is refused, `onConnect` follows, also if it has closed. */
  onAsked: (socket: Socket) => void
  onConnect: (request: ConnectRequest) => void
  onPlainHttp: (socket: Socket) => void
  /** The socket ends with a 4xx of ours. */
  onBadRequest: (socket: Socket) => void
  /** The socket ends with 407, or 503 where too much is to be verified. */
  onUnauthorized: (socket: Socket) => void
  onGuarded: (socket: Socket, host: string, because: string) => void
  /** Address of the client; it is not always the peer. */
  clientOf: (socket: Socket) => string
}

export type FrontDeps = Pick<
  SensorDeps,
  "resolver" | "guard" | "upstreamProxy" | "logins" | "limits" | "log"
>

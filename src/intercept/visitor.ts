/** A client that came in by a listener, and how its connection arrives at the part that reads TLS. */
import type { Socket } from "node:net"
import { canonicalAddress } from "../policy/destination/addresses.ts"
import type { Relayed } from "../record/connection.ts"
import type { Arrival } from "./client-connection.ts"
import type { Found } from "./find-addresses.ts"
import type { ConnectRequest } from "./front-deps.ts"
import type { ListenerSettings } from "./listeners.ts"

export interface Visitor {
  socket: Socket
  listener: ListenerSettings
  /** As the kernel says, or as the relay does. */
  clientIp: string
  clientPort: number
  relayedBy: Relayed | null
}

/** Somebody whose connection ends here. */
export function directVisitor(socket: Socket, listener: ListenerSettings): Visitor {
  const clientIp = peerOf(socket)
  return { socket, listener, clientIp, clientPort: socket.remotePort ?? 0, relayedBy: null }
}

/** Empty for a socket that is gone already: nobody serves that. */
export function peerOf(socket: Socket): string {
  const address = socket.remoteAddress ?? ""
  return canonicalAddress(address) ?? address
}

/** By CONNECT: the destination is what the client wrote. */
export function explicitArrival(visitor: Visitor, request: ConnectRequest): Arrival {
  return {
    ...arrivalOf(visitor),
    proxyUser: request.proxyUser,
    connectHost: request.host,
    connectUserAgent: request.userAgent,
    destinationIp: null,
    destinationPort: request.port,
    head: request.head,
    found: request.found,
  }
}

/** Without a word about the destination: the kernel or a relay told the address. */
export function addressedArrival(
  visitor: Visitor,
  destination: { address: string; port: number },
  found: Found,
): Arrival {
  return {
    ...arrivalOf(visitor),
    proxyUser: null,
    connectHost: null,
    connectUserAgent: null,
    destinationIp: destination.address,
    destinationPort: destination.port,
    head: nothing,
    found,
  }
}

const nothing = Buffer.alloc(0)

function arrivalOf({ socket, listener, clientIp, clientPort, relayedBy }: Visitor) {
  const transport = relayedBy === null ? ("direct" as const) : ("relayed" as const)
  return { raw: socket, listener: listener.name, transport, relayedBy, clientIp, clientPort }
}

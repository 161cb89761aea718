/**
 * Lets connections in: who may come, whose they are, where they want to go. Comes in: accepted
 * sockets; goes out: arrivals with a destination that the guard allows. Each socket is accounted for.
 */
import type { Socket } from "node:net"
import { canonicalAddress, NetworkSet, parseNetwork } from "../policy/destination/addresses.ts"
import type { Arrival } from "./client-connection.ts"
import { guardedAddress } from "./find-addresses.ts"
import { openFront } from "./front.ts"
import { isTransparent, type ListenerSettings } from "./listeners.ts"
import { OpenClients } from "./open-clients.ts"
import { originalDestination } from "./original-destination.ts"
import { RareLog } from "./rare-log.ts"
import { type HeaderEnd, readRelayHeader } from "./relay-header.ts"
import type { SensorDeps } from "./sensor-deps.ts"
import { take } from "./take.ts"
import { ignoreError } from "./tls-error.ts"
import {
  addressedArrival,
  directVisitor,
  explicitArrival,
  peerOf,
  type Visitor,
} from "./visitor.ts"
import { type SensorCounts, type Way, Ways } from "./ways.ts"

/** A relay that is set up wrongly says so with each connection: told once in this time, in ms. */
const badHeadersEvery = 10_000
/** Whoever scans through the sensor must not fill the log: so many a span are told one by one. */
const guardedLog = { everyMs: 10_000, burst: 20 }

export interface Door {
  /** What a listener does with the sockets it accepts. */
  for(listener: ListenerSettings): (socket: Socket) => void
  readonly clients: OpenClients
  readonly counts: Readonly<SensorCounts>
  readonly open: number
  close(): void
}

interface Destination {
  address: string
  port: number
}

export function openDoor(deps: SensorDeps): Door {
  const ways = new Ways()
  const clients = new OpenClients(deps.limits)
  const badHeaders = new RareLog(deps, "relay-header-bad", badHeadersEvery)
  const guardedOnes = new RareLog(deps, "destination-guarded", guardedLog.everyMs, guardedLog.burst)
  /** Who is behind the sockets of the front: it may be another than the kernel says. */
  const visitors = new WeakMap<Socket, Visitor>()
  const front = openFront(deps, {
    onAsked: (socket) => ways.asks(socket),
    onConnect: (request) => {
      const visitor = visitors.get(request.socket)
      if (visitor) tunnel(explicitArrival(visitor, request))
    },
    onPlainHttp: (socket) => ways.plainRequest(socket),
    onBadRequest: (socket) => ways.ends(socket, "bad_request"),
    onUnauthorized: (socket) => ways.ends(socket, "unauthorized"),
    onGuarded: (socket, host, because) => guarded(visitors.get(socket), socket, host, because),
    clientOf: (socket) => visitors.get(socket)?.clientIp ?? peerOf(socket),
  })

  function drop(socket: Socket, way: Way): void {
    ways.ends(socket, way)
    socket.destroy()
  }
  function guarded(visitor: Visitor | undefined, socket: Socket, host: string, because: string) {
    ways.ends(socket, "guarded")
    const client_ip = visitor?.clientIp ?? peerOf(socket)
    guardedOnes.tell({ client_ip, host, because })
  }
  const accounted: SensorDeps = {
    ...deps,
    onAttempt: (attempt, socket) => {
      ways.attempt(socket, attempt)
      deps.onAttempt(attempt, socket)
    },
    onFlow: (flow, socket) => {
      ways.flow(socket, flow)
      deps.onFlow(flow, socket)
    },
  }
  /** From here on the connection ends in exactly one attempt or one flow. */
  function tunnel(arrival: Arrival): void {
    const { raw } = arrival
    ways.tunnel(raw)
    take(arrival, accounted)
  }

  function fromRelay(socket: Socket, listener: ListenerSettings): void {
    const relay = directVisitor(socket, listener)
    socket.on("error", ignoreError)
    if (!clients.enter(socket)) return drop(socket, "over_limit")
    readRelayHeader(socket, deps.limits["connect-head-time"], (end) => withHeader(relay, end))
  }
  /** Fails closed: without a header nobody knows whose connection it is. */
  function withHeader(relay: Visitor, end: HeaderEnd): void {
    const { socket, listener } = relay
    if (end.kind === "left") return drop(socket, "no_request")
    if (end.kind === "fault") return badHeader(relay, end.fault)
    const { source, destination, authority, uniqueId, clientCn } = end.header
    if (source === null) return drop(socket, "relay_local")
    const clientIp = canonicalAddress(source.address) ?? source.address
    // Version 1 has no LOCAL: checks of haproxy give the two ends of their own connection.
    if (clientIp === relay.clientIp && source.port === relay.clientPort)
      return drop(socket, "relay_local")
    if (!deps.clientAllowed(clientIp)) return drop(socket, "refused_client")
    if (!clients.belongs(clientIp, socket)) return drop(socket, "over_limit")
    if (listener.kind === "relayed" && destination === null)
      return badHeader(relay, "it names no destination")
    const relayedBy = {
      proxy_ip: relay.clientIp,
      authority,
      unique_id: uniqueId,
      client_cn: clientCn,
    }
    admit({ socket, listener, clientIp, clientPort: source.port, relayedBy }, destination)
  }
  function badHeader({ socket, listener, clientIp }: Visitor, because: string): void {
    badHeaders.tell({ listener: listener.name, proxy_ip: clientIp, because })
    drop(socket, "bad_relay_header")
  }

  /** `told`: the destination by a relay's word, on a listener that goes by it. */
  function admit(visitor: Visitor, told: Destination | null): void {
    const { socket, listener } = visitor
    if (listener.kind === "explicit") {
      visitors.set(socket, visitor)
      front.accept(socket)
      // That of a relay was paused when its header was read.
      if (socket.isPaused()) socket.resume()
      return
    }
    const destination = isTransparent(listener.kind)
      ? originalDestination(socket, listener.kind)
      : told
    if (destination === null) return lost(visitor)
    const found = guardedAddress(destination.address, destination.port, deps.guard)
    if (found.guarded !== null) {
      guarded(visitor, socket, destination.address, found.guarded)
      return void socket.destroy()
    }
    tunnel(addressedArrival(visitor, destination, found))
  }

  /** Who dialled the listener itself is a health check if it goes without a word; else there is no
   * telling where it wanted to go, and it goes nowhere. */
  function lost(visitor: Visitor): void {
    const { socket } = visitor
    socket.on("error", ignoreError)
    socket.on("end", () => socket.destroy())
    socket.setTimeout(deps.limits["connect-head-time"], () => socket.destroy())
    socket.once("data", () => {
      guarded(visitor, socket, "", "dialled the listener itself")
      socket.destroy()
    })
  }

  return {
    for: (listener) => {
      const relays = new NetworkSet(listener["proxy-protocol-from"].map(parseNetwork))
      const hasRelays = relays.texts.length > 0
      return (socket) => {
        ways.accepted(socket)
        const visitor = directVisitor(socket, listener)
        // It has left already, as some health checks do.
        if (visitor.clientIp === "") return drop(socket, "no_request")
        if (hasRelays && relays.has(visitor.clientIp)) return fromRelay(socket, listener)
        if (listener.kind === "relayed" || !deps.clientAllowed(visitor.clientIp))
          return drop(socket, "refused_client")
        if (!clients.enter(socket) || !clients.belongs(visitor.clientIp, socket))
          return drop(socket, "over_limit")
        admit(visitor, null)
      }
    },
    clients,
    counts: ways.counts,
    get open() {
      return ways.open
    },
    close: () => front.close(),
  }
}

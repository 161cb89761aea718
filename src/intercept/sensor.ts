/**
 * The data path of one worker: listens, and lets each connection take its way. Comes in: sockets;
 * goes out: attempts, flows and uses of register entries. It must not know what is made of them.
 */
import { createServer, type Server, type Socket } from "node:net"
import { setTimeout as delay } from "node:timers/promises"
import { canonicalAddress } from "../policy/addresses.ts"
import type { Arrival } from "./client-connection.ts"
import { type ConnectRequest, openFront } from "./front.ts"
import type { SensorDeps } from "./sensor-deps.ts"
import { take } from "./take.ts"

/** How long the records of connections that were ended at the deadline may take, in ms. */
const lastRecords = 1_000

export interface Listen {
  host: string
  port: number
}

/** What became of accepted connections; every one is in exactly one of the lower five. */
export interface SensorCounts {
  accepted: number
  refused_client: number
  over_limit: number
  guarded: number
  plain_http_requests: number
  tunnels: number
}

export interface Sensor {
  readonly address: Listen
  readonly counts: SensorCounts
  readonly open: number
  /** Stops listening, waits for open connections until the deadline, then ends them. */
  close(deadlineMs: number): Promise<void>
}

export async function startSensor(listen: Listen, deps: SensorDeps): Promise<Sensor> {
  const counts: SensorCounts = {
    accepted: 0,
    refused_client: 0,
    over_limit: 0,
    guarded: 0,
    plain_http_requests: 0,
    tunnels: 0,
  }
  const clients = new OpenClients(deps)
  const front = openFront(deps, {
    onConnect: (request) => {
      counts.tunnels++
      take(explicitArrival(request), deps)
    },
    onPlainHttp: () => {
      counts.plain_http_requests++
    },
    onGuarded: (socket, host, because) => {
      counts.guarded++
      deps.log("warn", "destination-guarded", { client_ip: clientOf(socket), host, because })
    },
  })
  const server = createServer({ allowHalfOpen: true, noDelay: true }, (socket) => {
    counts.accepted++
    const client = clientOf(socket)
    if (!deps.clientAllowed(client)) {
      counts.refused_client++
      return socket.destroy()
    }
    if (!clients.enter(client, socket)) {
      counts.over_limit++
      return socket.destroy()
    }
    front.accept(socket)
  })
  server.on("error", (error) => deps.log("error", "listener-failed", { reason: error.message }))
  const address = await listening(server, listen)
  return {
    address,
    counts,
    get open() {
      return clients.open
    },
    close: async (deadlineMs) => {
      server.close()
      await clients.drained(deadlineMs)
      front.close()
      clients.endAll()
      await clients.drained(lastRecords)
      await delay(0)
    },
  }
}

/** A second worker may listen on the same port: the kernel spreads connections (SO_REUSEPORT). */
function listening(server: Server, { host, port }: Listen): Promise<Listen> {
  return new Promise((resolve, reject) => {
    server.once("error", reject)
    server.listen({ host, port, backlog: 4_096, reusePort: process.platform === "linux" }, () => {
      server.off("error", reject)
      const bound = server.address()
      resolve({ host, port: typeof bound === "object" && bound ? bound.port : port })
    })
  })
}

function clientOf(socket: Socket): string {
  const address = socket.remoteAddress ?? ""
  return canonicalAddress(address) ?? address
}

function explicitArrival({ socket, host, port, userAgent, head, found }: ConnectRequest): Arrival {
  return {
    raw: socket,
    listener: "explicit",
    transport: "direct",
    relayedBy: null,
    clientIp: clientOf(socket),
    clientPort: socket.remotePort ?? 0,
    proxyUser: null,
    connectHost: host,
    connectUserAgent: userAgent,
    destinationIp: null,
    destinationPort: port,
    head,
    found,
  }
}

/** Owned state: the open connections, in all and by client, within the limits. */
class OpenClients {
  readonly #limits: SensorDeps["limits"]
  readonly #sockets = new Set<Socket>()
  readonly #byClient = new Map<string, number>()
  #onEmpty: (() => void) | null = null

  constructor({ limits }: SensorDeps) {
    this.#limits = limits
  }

  get open(): number {
    return this.#sockets.size
  }

  /** False if there is no room; fails closed, for an open relay of bytes would cost as much. */
  enter(client: string, socket: Socket): boolean {
    const mine = this.#byClient.get(client) ?? 0
    if (this.#sockets.size >= this.#limits.connections) return false
    if (mine >= this.#limits["connections-per-client"]) return false
    this.#sockets.add(socket)
    this.#byClient.set(client, mine + 1)
    socket.once("close", () => this.#leave(client, socket))
    return true
  }

  #leave(client: string, socket: Socket): void {
    this.#sockets.delete(socket)
    const rest = (this.#byClient.get(client) ?? 1) - 1
    if (rest > 0) this.#byClient.set(client, rest)
    else this.#byClient.delete(client)
    if (this.#sockets.size === 0) this.#onEmpty?.()
  }

  drained(deadlineMs: number): Promise<void> {
    if (this.#sockets.size === 0) return Promise.resolve()
    return new Promise((resolve) => {
      const timer = setTimeout(resolve, deadlineMs)
      this.#onEmpty = () => {
        clearTimeout(timer)
        resolve()
      }
    })
  }

  endAll(): void {
    for (const socket of this.#sockets) socket.destroy()
  }
}

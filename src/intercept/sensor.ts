/**
 * The data path of one worker: listens, and lets each connection take its way. Comes in: sockets;
 * goes out: attempts, flows and uses of register entries. It must not know what is made of them.
 */
import { createServer, type Server } from "node:net"
import { setTimeout as delay } from "node:timers/promises"
import { openDoor } from "./door.ts"
import { keepAlive } from "./keep-alive.ts"
import { endpoint, endpointText, type Listen, type ListenerSettings } from "./listeners.ts"
import { makeTransparent } from "./original-destination.ts"
import type { SensorDeps } from "./sensor-deps.ts"
import type { SensorCounts } from "./ways.ts"

/** How long the records of connections that were ended at the deadline may take, in ms. */
const lastRecords = 1_000

export interface Sensor {
  /** As given, but each with the port that was found. */
  readonly listeners: readonly ListenerSettings[]
  /** Where each listener is, by its name. */
  readonly addresses: Readonly<Record<string, Listen>>
  readonly counts: Readonly<SensorCounts>
  /** Sockets that have not ended, and tunnels that are not recorded yet. */
  readonly open: number
  /** Stops listening, waits for open connections until the deadline, then ends them. */
  close(deadlineMs: number): Promise<void>
}

/** All listeners are open, or none is. */
export async function startSensor(
  listeners: readonly ListenerSettings[],
  deps: SensorDeps,
): Promise<Sensor> {
  const door = openDoor(deps)
  const servers: Server[] = []
  const bound: ListenerSettings[] = []
  try {
    for (const settings of listeners) {
      const accept = door.for(settings)
      const server = createServer({ allowHalfOpen: true, noDelay: true }, accept)
      server.on("connection", keepAlive)
      servers.push(server)
      const { name } = settings
      bound.push({ ...settings, listen: await listening(server, settings) })
      server.on("error", (error) =>
        deps.log("error", "listener-failed", { listener: name, reason: error.message }),
      )
    }
  } catch (error) {
    for (const server of servers) server.close()
    door.close()
    throw error
  }
  return {
    listeners: bound,
    addresses: Object.fromEntries(bound.map(({ name, listen }) => [name, endpoint(listen)])),
    counts: door.counts,
    get open() {
      return door.open
    },
    close: async (deadlineMs) => {
      for (const server of servers) server.close()
      await door.clients.drained(deadlineMs)
      door.close()
      door.clients.endAll()
      deps.splices.close()
      const until = performance.now() + lastRecords
      do await delay(1)
      while (door.open > 0 && performance.now() < until)
    },
  }
}

/**
 * Where it listens in the end. A second worker may listen on the same port: the kernel spreads
 * connections (SO_REUSEPORT). Each worker makes its own socket transparent.
 */
function listening(server: Server, { listen, kind }: ListenerSettings): Promise<string> {
  const { host, port } = endpoint(listen)
  return new Promise((resolve, reject) => {
    server.once("error", reject)
    server.listen({ host, port, backlog: 4_096, reusePort: process.platform === "linux" }, () => {
      server.off("error", reject)
      try {
        if (kind === "tproxy") makeTransparent(server)
      } catch (error) {
        return reject(error)
      }
      const bound = server.address()
      const found = typeof bound === "object" && bound ? bound.port : port
      resolve(endpointText({ host, port: found }))
    })
  })
}

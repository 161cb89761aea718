/** The open connections of a worker, in all and by client address, within the limits. */
import type { Socket } from "node:net"
import type { Limits } from "./limits.ts"

/** Owned state: at most `connections` sockets, and as many clients. */
export class OpenClients {
  readonly #limits: Limits
  readonly #sockets = new Set<Socket>()
  readonly #byClient = new Map<string, number>()
  #onEmpty: (() => void) | null = null

  constructor(limits: Limits) {
    this.#limits = limits
  }

  /** False if there is no room; fails closed, for an open relay of bytes would cost as much. */
  enter(socket: Socket): boolean {
    if (this.#sockets.size >= this.#limits.connections) return false
    this.#sockets.add(socket)
    socket.once("close", () => {
      this.#sockets.delete(socket)
      if (this.#sockets.size === 0) this.#onEmpty?.()
    })
    return true
  }

  /** False if this client has too many; of a socket that is in, and before it closes. */
  belongs(client: string, socket: Socket): boolean {
    const mine = this.#byClient.get(client) ?? 0
    if (mine >= this.#limits["connections-per-client"]) return false
    this.#byClient.set(client, mine + 1)
    socket.once("close", () => {
      const rest = (this.#byClient.get(client) ?? 1) - 1
      if (rest > 0) this.#byClient.set(client, rest)
      else this.#byClient.delete(client)
    })
    return true
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

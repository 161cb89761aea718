/**
 * Exact accounts of accepted sockets: each ends in exactly one of the ways below, so that
 * accepted = the sum of all ways + open. A tunnel is open until it is closed and recorded.
 */
import type { Socket } from "node:net"
import type { Attempt } from "../record/attempt.ts"
import type { Flow } from "../record/flow.ts"

export const ways = [
  /** The client's address is not served, or no relay's on a `relayed` listener. */
  "refused_client",
  "over_limit",
  /** A relay said no PROXY protocol header, or a broken one. */
  "bad_relay_header",
  /** A relay's own connection: LOCAL, or a header without a client. */
  "relay_local",
  /** Closed, or timed out, before a whole request head. */
  "no_request",
  /** A 4xx of ours: no HTTP, no host:port, cannot be forwarded. */
  "bad_request",
  /** 407 (or 503): who it is could not be verified. */
  "unauthorized",
  "guarded",
  /** Plain requests and upgrades only. */
  "plain_http",
  "attempts",
  "flows",
] as const
export type Way = (typeof ways)[number]

/** Beside the ways; `not_tls` is a part of `attempts`, requests are counted one by one. */
const beside = ["accepted", "tunnels", "not_tls", "plain_http_requests"] as const

export type SensorCounts = Record<Way | (typeof beside)[number], number>

/** What is known of an open socket; `record` null: it is no tunnel. */
interface Open {
  plain: boolean
  tunnel: boolean
  recorded: "attempts" | "flows" | null
}

/** Owned state: the counts, and the sockets that have not ended; as many as are let in. */
export class Ways {
  readonly counts = Object.fromEntries(
    [...beside, ...ways].map((name) => [name, 0]),
  ) as SensorCounts
  readonly #open = new Map<Socket, Open>()

  get open(): number {
    return this.#open.size
  }

  accepted(socket: Socket): void {
    this.counts.accepted++
    this.#open.set(socket, { plain: false, tunnel: false, recorded: null })
    socket.once("close", () => this.#closed(socket))
  }

  /** We end the socket, for this reason; the first one counts. */
  ends(socket: Socket, way: Way): void {
    if (this.#open.delete(socket)) this.counts[way]++
  }

  /** One more plain request came on it. */
  plainRequest(socket: Socket): void {
    this.counts.plain_http_requests++
    const open = this.#open.get(socket)
    if (open) open.plain = true
  }

  /** It asked for a tunnel: unless it is refused, it ends in an attempt or a flow. */
  asks(socket: Socket): void {
    const open = this.#open.get(socket)
    if (open) open.tunnel = true
  }

  tunnel(socket: Socket): void {
    this.counts.tunnels++
    this.asks(socket)
  }

  attempt(socket: Socket, { outcome }: Attempt): void {
    if (outcome === "not-tls") this.counts.not_tls++
    this.#recorded(socket, "attempts")
  }

  flow(socket: Socket, _flow: Flow): void {
    this.#recorded(socket, "flows")
  }

  #recorded(socket: Socket, way: "attempts" | "flows"): void {
    const open = this.#open.get(socket)
    if (!open) return
    open.recorded ??= way
    if (socket.closed) this.ends(socket, open.recorded)
  }

  #closed(socket: Socket): void {
    const open = this.#open.get(socket)
    if (!open) return
    if (!open.tunnel) this.ends(socket, open.plain ? "plain_http" : "no_request")
    else if (open.recorded) this.ends(socket, open.recorded)
  }
}

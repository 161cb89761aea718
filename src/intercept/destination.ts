/**
 * Where connections to origins go, and how they are opened: directly to addresses that were resolved
 * and allowed, or through the upstream proxy. It must not know what is sent.
 *
 * Fails closed: if the upstream proxy cannot be had the connection ends; it is never dialled directly
 * in its stead.
 */
import { connect } from "node:net"
import type { Duplex } from "node:stream"
import { dialOptions } from "./dial.ts"
import { Inflow } from "./inflow.ts"
import { TunnelStream } from "./tunnel-stream.ts"
import type { UpstreamProxy } from "./upstream-proxy.ts"

/** A connection to an origin. */
export interface Destination {
  /** As the client named it. */
  host: string
  /** Allowed by the guard, in the order to try; none: `via` resolves `host`, for we cannot. */
  addresses: readonly string[]
  port: number
  /** The upstream proxy; null: dialled directly. */
  via: UpstreamProxy | null
}

/** What is used of a connected socket, or of one that is still connecting. */
export interface OriginStream extends Duplex {
  /** Of the origin; undefined before `connect`, and where only the upstream proxy knows. */
  readonly remoteAddress?: string | undefined
  readonly bytesRead: number
  setTimeout(ms: number, then?: () => void): unknown
  setKeepAlive(on: boolean, silence: number, interval: number, probes: number): unknown
}

/**
 * Which way a host is dialled. `name`: it is for the upstream proxy to resolve. Of addresses that would
 * go different ways those stay that go the way of the first.
 */
export function destination(
  { addresses, name }: { addresses: readonly string[]; name: string | null },
  host: string,
  port: number,
  proxy: UpstreamProxy | null,
): Destination {
  if (proxy === null) return { host, addresses, port, via: null }
  if (name !== null) return { host: name, addresses: [], port, via: proxy }
  const carried = proxy.carries(host, addresses[0] ?? null)
  const same = addresses.filter((address) => proxy.carries(host, address) === carried)
  return { host, addresses: same, port, via: carried ? proxy : null }
}

/** The upstream proxy has this part of the time, so that its silence is told before the caller's end. */
const tunnelShare = 0.95

export interface OpeningStream {
  /** Emits `connect`, or `error` with why not as its code. */
  origin: OriginStream
  /** Reads it; null behind an upstream proxy, where it is read as any stream. */
  inflow: Inflow | null
}

/** A stream that is connecting. */
export function openStream(to: Destination, timeMs: number): OpeningStream {
  if (to.via !== null)
    return { origin: new TunnelStream(to.via, to, timeMs * tunnelShare), inflow: null }
  const inflow = new Inflow()
  const { onread } = inflow
  const options = { ...dialOptions(to.addresses, to.port), noDelay: true, allowHalfOpen: true }
  return { origin: connect({ ...options, onread }), inflow }
}

/** What a connection wanted to reach: the exact SNI, else address and port; and what it rolls up to. */
import { getDomain } from "tldts"
import type { Attempt } from "../record/attempt.ts"
import type { Flow } from "../record/flow.ts"

type Endpoint = Pick<Attempt | Flow, "sni" | "destination_ip" | "destination_port" | "connect_host">

/** The exact SNI, else `address:port` (`[address]:port` for IPv6), else what CONNECT asked for. */
export function destinationOf(endpoint: Endpoint): string {
  if (endpoint.sni) return endpoint.sni.toLowerCase().replace(/\.$/, "")
  const host = endpoint.destination_ip ?? endpoint.connect_host ?? "unknown"
  const bare = host.replace(/^\[|\]$/g, "").toLowerCase()
  return `${bare.includes(":") ? `[${bare}]` : bare}:${endpoint.destination_port}`
}

/** The name or address of a destination, without the port. */
export function hostOf(destination: string): string {
  const address = /^\[([^\]]+)\]:\d+$/.exec(destination) ?? /^(.*):\d+$/.exec(destination)
  return address?.[1] ?? destination
}

/**
 * The registrable domain by the Public Suffix List with its private section, because two customers
 * of one hosting service are two owners. An address, or a name without one, stands for itself.
 */
export function registrableDomain(destination: string): string {
  return getDomain(destination, { allowPrivateDomains: true }) ?? hostOf(destination)
}

/** The registrable domain, or null for what has none: an address is nobody's domain. */
export function properDomain(destination: string): string | null {
  return getDomain(destination, { allowPrivateDomains: true })
}

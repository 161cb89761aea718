/**
 * Whether what the client says in its ClientHello agrees with where it asked to go. Comes in: SNI,
 * CONNECT host and address; goes out: yes, no, or null where it cannot be known. It decides nothing.
 */

import { canonicalName, isAddress } from "../policy/connection-view.ts"
import { canonicalAddress } from "../policy/destination/addresses.ts"
import type { SensorDeps } from "./sensor-deps.ts"

export interface Said {
  sni: string | null
  connectHost: string | null
  /** What the client asked for, where it was an address. */
  destinationIp: string | null
}

/**
 * Names are compared. An address is looked for among our own resolver's addresses of the SNI: a promise
 * only where these are not known yet, and null if they cannot be had. It never rejects.
 */
export function nameAgreement(
  { sni, connectHost, destinationIp }: Said,
  { resolver, upstreamProxy }: Pick<SensorDeps, "resolver" | "upstreamProxy">,
): boolean | null | Promise<boolean | null> {
  const asked = connectHost ?? destinationIp
  if (sni === null || asked === null) return null
  if (sni === asked) return true
  const [name, target] = [canonicalName(sni), canonicalName(asked)]
  if (name === null || target === null) return false
  if (!isAddress(target)) return name === target
  // Nobody asks a resolver for names that only the upstream proxy is to resolve.
  if (upstreamProxy?.resolves(name)) return null
  const known = resolver.known(name)
  if (known) return has(resolver.recent(name), target)
  return resolver.resolve(name).then(
    () => has(resolver.recent(name), target),
    () => null,
  )
}

function has(addresses: readonly string[], target: string): boolean {
  return addresses.some((address) => canonicalAddress(address) === target)
}

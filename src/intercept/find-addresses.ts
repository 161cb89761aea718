/** Which addresses a host may be dialled at: resolved by the sensor, allowed by the guard. */
import type { Guard } from "../policy/destination/guard.ts"
import { guardName } from "../policy/destination/guard-name.ts"
import { canonicalHost } from "../record/host-pattern.ts"
import type { Resolver } from "./resolver.ts"
import { errorCode } from "./tls-error.ts"
import type { UpstreamProxy } from "./upstream-proxy.ts"

export interface Found {
  /** Allowed addresses, in the resolver's order. */
  addresses: readonly string[]
  /** The name, if only the upstream proxy resolves it: there are no addresses then. */
  name: string | null
  /** Why none is allowed, if the guard refused all there are. */
  guarded: string | null
  /** Why the name has no address, as a code (ENOTFOUND, ETIMEOUT). */
  failure: string | null
}

/** At most so many addresses of one name are considered. */
const most = 8

/** `host` is a name or an address. What is known already is answered in the same tick. */
export function findAddresses(
  host: string,
  port: number,
  {
    resolver,
    guard,
    upstreamProxy,
  }: { resolver: Resolver; guard: Guard; upstreamProxy: UpstreamProxy | null },
): Found | Promise<Found> {
  if (upstreamProxy?.resolves(host)) return byName(host)
  const known = resolver.known(host)
  if (known) return allowed(known, port, guard)
  return resolver.resolve(host).then(
    (addresses) => allowed(addresses, port, guard),
    (error) => ({ addresses: [], name: null, guarded: null, failure: errorCode(error) }),
  )
}

/** Fails closed: what cannot be judged by its addresses is judged by its name. */
export function byName(host: string): Found {
  const verdict = guardName(host)
  return verdict.allowed
    ? { addresses: [], name: canonicalHost(host), guarded: null, failure: null }
    : { addresses: [], name: null, guarded: verdict.because, failure: null }
}

/** The same for an address that needs no resolving. */
export function guardedAddress(address: string, port: number, guard: Guard): Found {
  return allowed([address], port, guard)
}

/** Fails closed: what the guard does not allow is not dialled, by whatever name it was reached. */
function allowed(addresses: readonly string[], port: number, guard: Guard): Found {
  let guarded: string | null = null
  const good = addresses.slice(0, most).filter((address) => {
    const verdict = guard(address, port)
    if (!verdict.allowed) guarded ??= verdict.because
    return verdict.allowed
  })
  return { addresses: good, name: null, guarded: good.length > 0 ? null : guarded, failure: null }
}

/** Which addresses a host may be dialled at: resolved by the sensor, allowed by the guard. */
import type { Guard } from "../policy/guard.ts"
import type { Resolver } from "./resolver.ts"
import { errorCode } from "./tls-error.ts"

export interface Found {
  /** Allowed addresses, in the resolver's order. */
  addresses: readonly string[]
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
  { resolver, guard }: { resolver: Resolver; guard: Guard },
): Found | Promise<Found> {
  const known = resolver.known(host)
  if (known) return allowed(known, port, guard)
  return resolver.resolve(host).then(
    (addresses) => allowed(addresses, port, guard),
    (error) => ({ addresses: [], guarded: null, failure: errorCode(error) }),
  )
}

/** Fails closed: what the guard does not allow is not dialled, by whatever name it was reached. */
function allowed(addresses: readonly string[], port: number, guard: Guard): Found {
  let guarded: string | null = null
  const good = addresses.slice(0, most).filter((address) => {
    const verdict = guard(address, port)
    if (!verdict.allowed) guarded ??= verdict.because
    return verdict.allowed
  })
  return { addresses: good, guarded: good.length > 0 ? null : guarded, failure: null }
}

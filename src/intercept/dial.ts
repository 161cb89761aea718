/** How addresses that were resolved and allowed are handed to Node's connect. */
import { isIP, type LookupFunction } from "node:net"

/** When the next address is tried beside one that does not answer (RFC 8305 section 5), in ms. */
const nextAddressAfter = 250

/** Node asks `lookup`, and tries one address after the other, only for a host that is no address. */
const lookedUp = "resolved.invalid"

export interface DialOptions {
  host: string
  port: number
  autoSelectFamily?: true
  autoSelectFamilyAttemptTimeout?: number
  lookup?: LookupFunction
}

/**
 * Options that connect to these addresses and no others: the name is not looked up again, so what
 * the guard allowed is what is dialled.
 */
export function dialOptions(addresses: readonly string[], port: number): DialOptions {
  const [first, ...others] = addresses
  // Node would take an empty host for localhost.
  if (first === undefined) throw new Error("there is no address to dial")
  if (others.length === 0) return { host: first, port }
  const answers = addresses.map((address) => ({ address, family: isIP(address) }))
  return {
    host: lookedUp,
    port,
    autoSelectFamily: true,
    autoSelectFamilyAttemptTimeout: nextAddressAfter,
    lookup: (_, __, done) => done(null, answers),
  }
}

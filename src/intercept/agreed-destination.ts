/** Where a connection may be passed on unread: to what its names agree on, and the guard allows. */
import { isIP } from "node:net"
import type { Decision } from "../policy/decide.ts"
import { agree } from "../policy/destination/agree.ts"
import type { Arrival } from "./client-connection.ts"
import { type Destination, destination } from "./destination.ts"
import { findAddresses } from "./find-addresses.ts"
import type { SensorDeps } from "./sensor-deps.ts"

/** What is used of a connection. */
export interface Agreeing {
  arrival: Pick<Arrival, "connectHost" | "destinationIp" | "destinationPort" | "found">
  hello: { sni?: string | undefined } | null
}

/**
 * `none`: what was agreed on is not allowed, or has no address; `disagrees`: what was decided by a name
 * does not go to that name. `tell` hears why, in words.
 */
export async function agreedDestination(
  { arrival, hello }: Agreeing,
  decision: Decision,
  deps: Pick<SensorDeps, "resolver" | "guard" | "upstreamProxy">,
  tell: (because: string) => void = () => {},
): Promise<Destination | "none" | "disagrees"> {
  const { connectHost, destinationIp, destinationPort } = arrival
  const name = hello?.sni ?? connectHost
  const resolved =
    decision.needs_resolution && name !== null && name !== connectHost
      ? await findAddresses(name, destinationPort, deps)
      : arrival.found
  // A client that asks for an address may have been told it before the name's answer changed.
  const asksAddress = destinationIp !== null || isIP(connectHost ?? "") !== 0
  const recent = asksAddress && name !== null ? deps.resolver.recent(name) : []
  const agreement = agree(decision, {
    sni: hello?.sni ?? null,
    connect_host: connectHost,
    destination_ip: destinationIp,
    resolved: [...resolved.addresses, ...recent],
    unresolved: resolved.name,
  })
  if (!agreement.ok) {
    tell(agreement.because)
    return "disagrees"
  }
  const [target, ...others] = agreement.dial
  const now = others.filter((one) => recent.length === 0 || resolved.addresses.includes(one))
  const dial = target === undefined ? [] : [target, ...now]
  const unresolved = dial.length === 0 ? resolved.name : null
  const addresses = dial.filter((address) => {
    const verdict = deps.guard(address, destinationPort)
    if (!verdict.allowed) tell(verdict.because)
    return verdict.allowed
  })
  if (addresses.length === 0 && unresolved === null) return "none"
  // Only a name that was agreed on may take a connection past the upstream proxy.
  const host = decision.by_name ? (name ?? "") : (connectHost ?? destinationIp ?? "")
  const { upstreamProxy } = deps
  return destination({ addresses, name: unresolved }, host, destinationPort, upstreamProxy)
}

/**
 * What is known of the origin of a connection, and what is learned of it: the questions that the
 * memory of origins is asked, and told, for a client and its target. It decides nothing.
 */
import type { Upstream } from "../record/attempt.ts"
import { passedOnFor } from "./bad-origin.ts"
import type { ClientConnection } from "./client-connection.ts"
import type { OriginTarget } from "./dial-origin.ts"
import type { OriginFacts, OriginFault, OriginQuestion } from "./origin-memory.ts"
import type { SensorDeps } from "./sensor-deps.ts"

export function question(
  { port, verifyName, alpn, hybrid, lowest }: OriginTarget,
  address: string,
  onlyFor: string | null,
): OriginQuestion {
  return { address, port, verifyName, alpn, hybrid, lowest, onlyFor }
}

/** Where an origin is known: at its addresses, or at its name where only the upstream proxy has them. */
export function places({ addresses, host }: OriginTarget): readonly string[] {
  return addresses.length > 0 ? addresses : [host]
}

export function only(target: OriginTarget, place: string): OriginTarget {
  return target.addresses.length > 0 ? { ...target, addresses: [place] } : target
}

export function remembered(
  target: OriginTarget,
  onlyFor: string | null,
  deps: SensorDeps,
): OriginFacts | null {
  const now = deps.clock()
  for (const address of places(target)) {
    const facts = deps.origins.get(question(target, address, onlyFor), now)
    if (facts) return facts
  }
  return null
}

/** What this client met at the origin some seconds ago, if it is passed on for that. */
export function lately(
  connection: ClientConnection,
  target: OriginTarget,
  deps: SensorDeps,
): { address: string; fault: OriginFault } | null {
  const { clientIp } = connection.arrival
  for (const address of places(target)) {
    const fault = deps.origins.fault(question(target, address, null), clientIp, deps.clock())
    if (fault && isPassedOn(connection, target, fault, deps)) return { address, fault }
  }
  return null
}

function isPassedOn(
  { decision }: ClientConnection,
  { verifyName }: OriginTarget,
  fault: OriginFault,
  { origin }: SensorDeps,
): boolean {
  return passedOnFor(fault, verifyName, origin, decision.origin) !== null
}

/** Where the fault makes no difference to the next connection it is not remembered. */
export function noteFault(
  connection: ClientConnection,
  target: OriginTarget,
  address: string,
  { status, reason }: Upstream,
  deps: SensorDeps,
): void {
  const fault = { status, reason }
  if (!isPassedOn(connection, target, fault, deps)) return
  const { clientIp } = connection.arrival
  deps.origins.noteFault(question(target, address, null), fault, clientIp, deps.clock())
}

/** Remembered facts hold no more. The next contact asks the origin first. */
export function forget(
  connection: ClientConnection,
  target: OriginTarget,
  address: string,
  upstream: Upstream,
  deps: SensorDeps,
): void {
  const { clientIp } = connection.arrival
  const onlyFor = connection.hello?.sni === undefined ? clientIp : null
  const asked = question(target, address, onlyFor)
  if (upstream.status === "changed") return deps.origins.unsteady(asked, clientIp, deps.clock())
  deps.origins.forget(asked)
  // A demand that comes so late no first contact sees.
  if (upstream.status === "wants-client-certificate")
    noteFault(connection, target, address, upstream, deps)
}

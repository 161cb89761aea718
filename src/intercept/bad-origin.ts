/**
 * What becomes of a first contact whose origin is no good: it ends, or it is passed on unread and the
 * client judges the origin itself. Its ClientHello has not been answered, so either can still be done.
 *
 * Fails closed unless the operator chose `splice` for this very fault: of what went wrong only a
 * verification that failed and a demand for a client certificate can be passed on, never a handshake
 * that failed, a reset or an origin that is not there.
 */
import { isIP } from "node:net"
import type { Decision } from "../policy/decide.ts"
import type { OriginChoices } from "../policy/origin-choice.ts"
import { originBypassId } from "../policy/register/bypass-id.ts"
import type { Upstream } from "../record/attempt.ts"
import type { SpliceCause } from "../record/common.ts"
import { agreedDestination } from "./agreed-destination.ts"
import type { ClientConnection } from "./client-connection.ts"
import type { Destination } from "./destination.ts"
import { notContacted, type OriginTarget } from "./dial-origin.ts"
import type { OriginFault } from "./origin-memory.ts"
import type { OriginSettings } from "./origin-settings.ts"
import type { SensorDeps } from "./sensor-deps.ts"
import { splice } from "./splice.ts"
import { errorCode } from "./tls-error.ts"
import { turnAway } from "./turn-away.ts"

/** Alerts that answer a client whose origin is no good (RFC 8446 section 6.2). */
const handshakeFailure = 40
const internalError = 80

/** Why a connection with this fault is passed on unread, and by which setting; null: it is not. */
export function passedOnFor(
  { status, reason }: OriginFault,
  verifyName: string,
  all: OriginSettings,
  ofRule: OriginChoices | undefined,
): { cause: SpliceCause; by: keyof OriginSettings } | null {
  const opened = (by: keyof OriginSettings, cause: SpliceCause) =>
    (ofRule?.[by] ?? all[by]) === "splice" ? { cause, by } : null
  if (status === "wants-client-certificate")
    return opened("on-client-certificate", "client-certificate")
  if (status !== "untrusted") return null
  const nameless = isIP(verifyName) !== 0 && reason === "wrong-name"
  return opened(nameless ? "on-no-name" : "on-untrusted", "untrusted-origin")
}

/** `target`: where the origin was found to be no good. */
export function meetBadOrigin(
  connection: ClientConnection,
  target: OriginTarget,
  fault: OriginFault & Partial<Upstream>,
  deps: SensorDeps,
): void {
  const upstream = { ...notContacted, ...fault }
  const { decision } = connection
  const opened = passedOnFor(fault, target.verifyName, deps.origin, decision.origin)
  if (opened === null) return refuse(connection, upstream, deps)
  const instead: Decision = {
    do: "splice",
    rule: decision.rule,
    splice_cause: opened.cause,
    bypass: originBypassId(decision, opened.by),
    register_entry: null,
    by_name: decision.by_name ?? false,
    needs_resolution: decision.needs_resolution ?? false,
    splice_until: null,
    ...(decision.within ? { within: decision.within } : {}),
  }
  passOnUnread(connection, instead, target, upstream, deps).catch((error) => {
    deps.log("error", "connection-failed", { reason: errorCode(error) })
    refuse(connection, upstream, deps)
  })
}

/** An alert, and no certificate. */
function refuse(connection: ClientConnection, upstream: Upstream, deps: SensorDeps): void {
  connection.upstream = upstream
  const reached = upstream.status !== "unreachable"
  turnAway(connection, deps, reached ? handshakeFailure : internalError)
}

/** To the very address that was found to be no good. Fails closed: where a rule opened it by a name,
 * SNI, CONNECT host and address must agree on it. */
async function passOnUnread(
  connection: ClientConnection,
  instead: Decision,
  target: Destination,
  upstream: Upstream,
  deps: SensorDeps,
): Promise<void> {
  const agreed =
    instead.by_name || instead.within ? await agreedDestination(connection, instead, deps) : target
  const to = typeof agreed === "object" ? within(target, agreed, deps) : null
  if (to === null) {
    if (instead.by_name) connection.nameAgrees = false
    return refuse(connection, upstream, deps)
  }
  connection.nameAgrees = instead.by_name ? true : connection.nameAgrees
  connection.decision = instead
  connection.spliceCause = instead.splice_cause
  const { status, reason } = upstream
  deps.log("debug", "origin-passed-on", { sni: connection.hello?.sni ?? null, status, reason })
  splice(connection, instead, to, deps)
}

/** What of a destination is also in another, and allowed; null: nothing. */
function within(one: Destination, other: Destination, { guard }: SensorDeps): Destination | null {
  const addresses = one.addresses.filter(
    (address) => other.addresses.includes(address) && guard(address, one.port).allowed,
  )
  const sameName = one.addresses.length + other.addresses.length === 0 && one.host === other.host
  return addresses.length > 0 || sameName ? { ...one, addresses } : null
}

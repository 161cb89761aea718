/** The way of one connection: read its hello, ask policy, then inspect, splice or block it. */
import { agree } from "../policy/agree.ts"
import { type Decision, decide, nameDisagrees } from "../policy/decide.ts"
import { type Arrival, ClientConnection } from "./client-connection.ts"
import { notContacted } from "./dial-origin.ts"
import { findAddresses } from "./find-addresses.ts"
import { inspect } from "./inspect.ts"
import { passOn } from "./pass-on.ts"
import { type HelloEnd, readHello } from "./read-hello.ts"
import type { SensorDeps } from "./sensor-deps.ts"
import { splice } from "./splice.ts"
import { errorCode } from "./tls-error.ts"
import { finish, turnAway } from "./turn-away.ts"

/** Alerts to a client that has seen nothing of ours (RFC 8446 section 6.2). */
const accessDenied = 49
const decodeError = 50
const internalError = 80

/** Takes a connection over; from here on it ends in exactly one attempt or one flow. */
export function take(arrival: Arrival, deps: SensorDeps): void {
  const connection = new ClientConnection(arrival, deps.clock())
  // Errors are told to whoever reads at the time; that nobody does must not mean a crash.
  arrival.raw.on("error", () => {})
  readHello(arrival.raw, arrival.head, deps.limits["hello-time"], (end, bytes) => {
    connection.startTls(bytes.length)
    if (noteHello(connection, end)) return contained(connection, deps)
    const how = end.kind === "gone" ? end.how : "fin"
    arrival.raw.destroy()
    finish(connection, deps, how, how === "timeout" ? "sensor" : "client")
  })
}

/** Whether there is something to decide about. */
function noteHello(connection: ClientConnection, end: HelloEnd): boolean {
  if (end.kind === "gone") return false
  if (end.kind === "fault") connection.helloFault = end.fault.fault
  else {
    connection.hello = end.hello
    connection.reach("hello")
  }
  return true
}

/** Fails closed: a connection that we stumble over ends, and it ends alone. */
function contained(connection: ClientConnection, deps: SensorDeps): void {
  try {
    decideAndAct(connection, deps)
  } catch (error) {
    giveUp(connection, deps, error)
  }
}

function giveUp(connection: ClientConnection, deps: SensorDeps, error: unknown): void {
  deps.log("error", "connection-failed", { reason: errorCode(error) })
  connection.arrival.raw.destroy()
  finish(connection, deps, "none", "sensor")
}

function decideAndAct(connection: ClientConnection, deps: SensorDeps): void {
  const { arrival, hello } = connection
  const decision = decide(
    {
      ...connection.facts,
      ...deps.deviceOf(arrival.clientIp),
      listener: arrival.listener,
      destination_ip: arrival.destinationIp ?? arrival.found.addresses[0] ?? null,
      hello_readable: hello !== null,
    },
    deps.policy(),
    deps.clock(),
  )
  connection.decision = decision
  switch (decision.do) {
    case "block":
      return turnAway(connection, deps, accessDenied)
    case "inspect":
      return inspectOrPass(connection, deps)
    case "splice":
      spliceAgreed(connection, decision, deps).catch((error) => giveUp(connection, deps, error))
  }
}

/** A splice that was decided by a name goes to that name, or it is no splice. */
async function spliceAgreed(
  connection: ClientConnection,
  decision: Decision,
  deps: SensorDeps,
): Promise<void> {
  const { arrival, hello } = connection
  const { connectHost, destinationIp, destinationPort } = arrival
  const name = hello?.sni ?? connectHost
  const resolved =
    decision.needs_resolution && name !== null && name !== connectHost
      ? await findAddresses(name, destinationPort, deps)
      : arrival.found
  const agreement = agree(decision, {
    sni: hello?.sni ?? null,
    connect_host: connectHost,
    destination_ip: destinationIp,
    resolved: resolved.addresses,
  })
  const dial = agreement.ok
    ? agreement.dial.filter((address) => deps.guard(address, destinationPort).allowed)
    : []
  if (agreement.ok && dial.length > 0) {
    connection.nameAgrees = decision.by_name ? true : null
    connection.spliceCause = decision.splice_cause
    return splice(connection, decision, dial, deps)
  }
  connection.nameAgrees = agreement.ok ? null : false
  connection.decision = nameDisagrees
  inspectOrPass(connection, deps)
}

function inspectOrPass(connection: ClientConnection, deps: SensorDeps): void {
  const { arrival, hello } = connection
  const { addresses, failure } = arrival.found
  const [first] = addresses
  if (first === undefined) {
    connection.upstream = { ...notContacted, status: "unreachable", reason: failure }
    return turnAway(connection, deps, internalError)
  }
  if (!hello) {
    // Fails closed: what begins as TLS and cannot be read is not passed on unread.
    if (connection.helloFault !== "not-tls") return turnAway(connection, deps, decodeError)
    if (deps.notTls === "block") return turnAway(connection, deps, null)
    return passOn(connection, addresses, deps)
  }
  inspect(connection, hello, addresses, hello.sni ?? arrival.connectHost ?? first, deps)
}

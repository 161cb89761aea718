/** The way of one connection: read its hello, ask policy, then inspect, splice or block it. */
import type { ClientHello } from "../observe/client-hello.ts"
import { type Decision, decide, nameDisagrees } from "../policy/decide.ts"
import { admitTrial } from "./admit-trial.ts"
import { agreedDestination } from "./agreed-destination.ts"
import { type Arrival, ClientConnection } from "./client-connection.ts"
import { type Destination, destination } from "./destination.ts"
import { notContacted } from "./dial-origin.ts"
import { byName } from "./find-addresses.ts"
import { inspect } from "./inspect.ts"
import { nameAgreement } from "./name-agreement.ts"
import { passOn } from "./pass-on.ts"
import { type HelloEnd, readHello } from "./read-hello.ts"
import type { SensorDeps } from "./sensor-deps.ts"
import { splice } from "./splice.ts"
import { errorCode, ignoreError } from "./tls-error.ts"
import { finish, turnAway } from "./turn-away.ts"

/** Alerts to a client that has seen nothing of ours (RFC 8446 section 6.2). */
const accessDenied = 49
const decodeError = 50
const internalError = 80

/** Takes a connection over; from here on it ends in exactly one attempt or one flow. */
export function take(arrival: Arrival, deps: SensorDeps): void {
  const connection = new ClientConnection(arrival, deps.clock())
  arrival.raw.on("error", ignoreError)
  if (arrival.raw.destroyed) return finish(connection, deps, "fin", "client")
  readHello(arrival.raw, arrival.head, deps.limits["hello-time"], (end, bytes) => {
    connection.startTls(bytes.length)
    if (noteHello(connection, end)) return compareNames(connection, deps)
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

/** Traffic waits for the answer only where a rule asks for it; else it is noted when it comes. */
function compareNames(connection: ClientConnection, deps: SensorDeps): void {
  const { arrival, hello } = connection
  const agrees = nameAgreement({ ...arrival, sni: hello?.sni ?? null }, deps)
  if (!(agrees instanceof Promise)) {
    connection.nameAgrees = agrees
    return contained(connection, deps)
  }
  const noted = agrees.then((answer) => {
    connection.nameAgrees ??= answer
  })
  if (!deps.policy().asks_name_agreement) return contained(connection, deps)
  noted.then(() => {
    if (arrival.raw.destroyed) finish(connection, deps, "rst", "client")
    else contained(connection, deps)
  })
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
      other_destinations: arrival.destinationIp === null ? arrival.found.addresses.slice(1) : [],
      hello_readable: hello !== null,
      name_agrees: connection.nameAgrees,
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
  const to = await agreedDestination(connection, decision, deps)
  const admitted = typeof to === "object" ? admitTrial(decision, deps) : nameDisagrees
  connection.decision = admitted
  if (typeof to !== "object" || admitted.do !== "splice") return inspectOrPass(connection, deps)
  connection.spliceCause = admitted.splice_cause
  splice(connection, admitted, to, deps)
}

function inspectOrPass(connection: ClientConnection, deps: SensorDeps): void {
  const { arrival, hello } = connection
  const { addresses, name, failure } = arrival.found
  const asked = name ?? addresses[0]
  if (asked === undefined) {
    connection.upstream = { ...notContacted, status: "unreachable", reason: failure }
    return turnAway(connection, deps, internalError)
  }
  const to = toWhatWasAsked(arrival, arrival.connectHost ?? asked, deps)
  if (!hello) {
    // Fails closed: what begins as TLS and cannot be read is not passed on unread.
    if (connection.helloFault !== "not-tls") return turnAway(connection, deps, decodeError)
    if (deps.notTls === "block") return turnAway(connection, deps, null)
    return passOn(connection, to, deps)
  }
  const instead = deps.instead()
  if (instead) return actInstead(connection, instead, to, deps)
  inspectThere(connection, hello, to, hello.sni ?? arrival.connectHost ?? asked, deps)
}

function toWhatWasAsked(
  { found, destinationPort }: Arrival,
  host: string,
  { upstreamProxy }: SensorDeps,
): Destination {
  return destination(found, host, destinationPort, upstreamProxy)
}

/**
 * A client that came with an address alone goes by its SNI through an upstream proxy, which may know
 * names only, or past it where that name is excepted: the origin must prove to be that name.
 */
function inspectThere(
  connection: ClientConnection,
  hello: ClientHello,
  to: Destination,
  verifyName: string,
  deps: SensorDeps,
): void {
  const { arrival } = connection
  const { upstreamProxy } = deps
  const { sni } = hello
  if (upstreamProxy === null || arrival.connectHost !== null || sni === undefined)
    return inspect(connection, hello, to, verifyName, deps)
  if (!upstreamProxy.resolves(sni))
    return inspect(connection, hello, toWhatWasAsked(arrival, sni, deps), verifyName, deps)
  const found = byName(sni)
  connection.destinationIp = null
  if (found.guarded === null) {
    const named = destination(found, sni, to.port, upstreamProxy)
    return inspect(connection, hello, named, verifyName, deps)
  }
  connection.upstream = { ...notContacted, status: "unreachable", reason: found.guarded }
  turnAway(connection, deps, internalError)
}

/** Inspection is hindered (hindrance.ts, which says what fails open and what closed). */
function actInstead(
  connection: ClientConnection,
  instead: Decision,
  to: Destination,
  deps: SensorDeps,
): void {
  connection.decision = instead
  if (instead.do === "block") return turnAway(connection, deps, accessDenied)
  connection.spliceCause = instead.splice_cause
  splice(connection, instead, to, deps)
}

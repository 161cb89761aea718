/**
 * Inspects a connection: verifies the origin, answers the client with our leaf, relays both ways.
 *
 * The first contact with an origin goes upstream first: there is no good leaf for an origin that is
 * known to be bad. Later contacts answer the client first, on remembered facts, and no byte passes
 * before this connection's own upstream leg is verified too. Fails closed: a leg that cannot be had,
 * is not trusted or has changed ends the client's connection.
 */
import type { ClientHello } from "../observe/client-hello.ts"
import { offersEcdsa, offersHybridGroup } from "../observe/hello-offers.ts"
import type { Upstream } from "../record/attempt.ts"
import { answerClient } from "./answer-client.ts"
import type { ClientConnection } from "./client-connection.ts"
import { dialOrigin, type OriginLeg, type OriginTarget } from "./dial-origin.ts"
import type { OriginFacts, OriginQuestion } from "./origin-memory.ts"
import { Relay } from "./relay.ts"
import type { SensorDeps } from "./sensor-deps.ts"
import { peerLeft } from "./tcp-info.ts"
import { finish, turnAway } from "./turn-away.ts"

/** Alerts that answer a client whose origin is no good (RFC 8446 section 6.2). */
const handshakeFailure = 40
const internalError = 80

/** `addresses`: where the origin is, allowed by the guard; `verifyName`: who it must prove to be. */
export function inspect(
  connection: ClientConnection,
  hello: ClientHello,
  addresses: readonly string[],
  verifyName: string,
  deps: SensorDeps,
): void {
  const target: OriginTarget = {
    addresses,
    port: connection.arrival.destinationPort,
    verifyName,
    // RFC 7301 section 3.1 forbids empty names, and tls.connect throws at them.
    alpn: hello.alpn.includes("") ? hello.alpn.filter((name) => name !== "") : hello.alpn,
    hybrid: offersHybridGroup(hello),
  }
  const known = remembered(target, deps)
  if (known) return answer(connection, hello, target, known, null, deps)
  const { raw } = connection.arrival
  const { cancel } = dialOrigin(
    target,
    deps.trust,
    deps.limits["upstream-time"],
    true,
    (answered) => {
      raw.off("close", onClose)
      if (!answered.ok) return refuse(connection, answered.upstream, deps)
      const { leg } = answered
      const facts = { names: leg.names, upstream: leg.upstream, address: leg.address }
      deps.origins.put(question(target, leg.address), facts, deps.clock())
      if (!peerLeft(raw)) return answer(connection, hello, target, facts, leg, deps)
      leg.socket.destroy()
      raw.destroy()
      finish(connection, deps, "fin", "client")
    },
  )
  function onClose(broken: boolean): void {
    cancel()
    finish(connection, deps, broken ? "rst" : "none", broken ? "client" : "sensor")
  }
  raw.once("close", onClose)
}

function question(
  { port, verifyName, alpn, hybrid }: OriginTarget,
  address: string,
): OriginQuestion {
  return { address, port, verifyName, alpn, hybrid }
}

/** The facts are of this address: another one of the same name may show another certificate. */
function firstly(address: string, addresses: readonly string[]): readonly string[] {
  if (addresses[0] === address) return addresses
  return [address, ...addresses.filter((other) => other !== address)]
}

function remembered(target: OriginTarget, deps: SensorDeps): OriginFacts | null {
  const now = deps.clock()
  for (const address of target.addresses) {
    const facts = deps.origins.get(question(target, address), now)
    if (facts) return facts
  }
  return null
}

/** The origin is no good: an alert, and no certificate. */
function refuse(connection: ClientConnection, upstream: Upstream, deps: SensorDeps): void {
  connection.upstream = upstream
  const reached = upstream.status !== "unreachable"
  turnAway(connection, deps, reached ? handshakeFailure : internalError)
}

/** Answers the client; `leg` is there after a first contact, else it is opened when it is needed. */
function answer(
  connection: ClientConnection,
  hello: ClientHello,
  target: OriginTarget,
  facts: OriginFacts,
  leg: OriginLeg | null,
  deps: SensorDeps,
): void {
  const now = deps.clock()
  connection.destinationIp = facts.address
  connection.upstream = leg ? facts.upstream : { ...facts.upstream, status: "remembered" }
  const leaf = deps.leaves.get(
    {
      name: target.verifyName,
      kind: offersEcdsa(hello) ? "ec" : "rsa",
      originFingerprint: facts.upstream.leaf ?? undefined,
      mirror: facts.names,
    },
    now,
  )
  const handshakeMs = deps.limits["handshake-time"]
  const client = answerClient(connection, leaf, facts.upstream.alpn, handshakeMs, {
    finished: () => relay.finished(),
    gone: (end, by) => relay.gone(end, by),
  })
  const forget = () => deps.origins.forget(question(target, facts.address))
  const again = { ...target, addresses: firstly(facts.address, target.addresses) }
  const relay = new Relay({ connection, client, target: again, facts, leg, forget }, deps)
}

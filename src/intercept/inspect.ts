/**
 * Inspects a connection: verifies the origin, answers the client with our leaf, relays both ways.
 *
 * The first contact with an origin goes upstream first: there is no good leaf for an origin that is
 * known to be bad. Later contacts answer the client first, on remembered facts, and no byte passes
 * before this connection's own upstream leg is verified too. Fails closed: a leg that cannot be had,
 * is not trusted or has changed ends the client's connection (bad-origin.ts: unless the operator
 * has the client judge for itself).
 */
import type { ClientHello } from "../observe/client-hello.ts"
import { offeredVersions, offersEcdsa, offersHybridGroup } from "../observe/hello-offers.ts"
import { answerClient } from "./answer-client.ts"
import { meetBadOrigin } from "./bad-origin.ts"
import type { ClientConnection } from "./client-connection.ts"
import type { Destination } from "./destination.ts"
import { dialOrigin, type OriginAnswer, type OriginLeg, type OriginTarget } from "./dial-origin.ts"
import { forget, lately, noteFault, only, places, question, remembered } from "./known-origin.ts"
import type { OriginFacts } from "./origin-memory.ts"
import { Relay } from "./relay.ts"
import type { SensorDeps } from "./sensor-deps.ts"
import { peerLeft } from "./tcp-info.ts"
import { finish } from "./turn-away.ts"

const tls13 = 0x0304

/** `to`: where the origin is, allowed by the guard; `verifyName`: who it must prove to be. */
export function inspect(
  connection: ClientConnection,
  hello: ClientHello,
  to: Destination,
  verifyName: string,
  deps: SensorDeps,
): void {
  const target: OriginTarget = {
    ...to,
    verifyName,
    // RFC 7301 section 3.1 forbids empty names, and tls.connect throws at them.
    alpn: hello.alpn.includes("") ? hello.alpn.filter((name) => name !== "") : hello.alpn,
    hybrid: offersHybridGroup(hello),
    lowest: offeredVersions(hello).lowest === tls13 ? "TLSv1.3" : "TLSv1.2",
  }
  // A client that names nobody may get another answer than one that does: it is only its own.
  const { raw, clientIp } = connection.arrival
  const onlyFor = hello.sni === undefined ? clientIp : null
  const known = remembered(target, onlyFor, deps)
  if (known) return answer(connection, hello, target, known, null, deps)
  const met = lately(connection, target, deps)
  if (met) return meetBadOrigin(connection, only(target, met.address), met.fault, deps)
  const { cancel } = dialOrigin(
    target,
    deps.trust,
    deps.limits["upstream-time"],
    true,
    (answered) => {
      raw.off("close", onClose)
      if (!answered.ok) return turnedOutBad(connection, target, answered, deps)
      const { leg } = answered
      const facts = { names: leg.names, upstream: leg.upstream, address: leg.address }
      deps.origins.put(
        question(target, leg.address ?? target.host, onlyFor),
        facts,
        clientIp,
        deps.clock(),
      )
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

/** The facts are of this address: another one of the same name may show another certificate. */
function firstly(address: string | null, addresses: readonly string[]): readonly string[] {
  if (address === null) return addresses
  if (addresses[0] === address) return addresses
  return [address, ...addresses.filter((other) => other !== address)]
}

/** The leg of a first contact is no good. */
function turnedOutBad(
  connection: ClientConnection,
  target: OriginTarget,
  { upstream, address }: Extract<OriginAnswer, { ok: false }>,
  deps: SensorDeps,
): void {
  const place = places(target).find((one) => one === (address ?? target.host))
  if (place !== undefined) noteFault(connection, target, place, upstream, deps)
  const there = place === undefined ? target : only(target, place)
  meetBadOrigin(connection, there, upstream, deps)
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
  const again: OriginTarget = {
    ...target,
    addresses: firstly(facts.address, target.addresses),
    asksInVain: facts.upstream.client_certificate === "requested",
  }
  const relay = new Relay(
    {
      connection,
      client,
      target: again,
      facts,
      leg,
      forget: (upstream) =>
        forget(connection, target, facts.address ?? target.host, upstream, deps),
    },
    deps,
  )
}

/**
 * What recent contacts with an origin showed: so that the next client can be answered before the
 * origin is dialled, for refusals must not cost a connection upstream.
 *
 * Good contacts are remembered for all clients, for minutes: what was verified by chain and name
 * holds whoever asked. The question holds all that the origin was told (address, port, name, ALPN,
 * groups, lowest version), so no client is answered from another's odd offer. The client's highest
 * version is not in it: the origin is always offered up to TLS 1.3.
 *
 * That an origin is no good is remembered for seconds, and for the one client that met it: it saves
 * that client a probe where it is passed on unread, and it never decides for another.
 *
 * On remembered facts no byte passes before the connection's own upstream leg is verified.
 */
import { isIPv6 } from "node:net"
import { addressOctets } from "../ca/leaf-name.ts"
import type { OriginNames } from "../ca/origin-leaf-names.ts"
import type { Upstream } from "../record/attempt.ts"
import { FairMap, type FairMapLimits } from "./fair-map.ts"
import type { LowestVersion } from "./origin-trust.ts"

export interface OriginFacts {
  names: OriginNames
  upstream: Upstream
  /** Null where only the upstream proxy knows it. */
  address: string | null
}

/** What the facts hold for: another name, offer or address may be answered otherwise. */
export interface OriginQuestion {
  /** The address connected to; where only the upstream proxy knows it, the name it was asked for. */
  address: string
  port: number
  /** The name that was verified. */
  verifyName: string
  /** ALPN protocols as offered, in order. */
  alpn: readonly string[]
  hybrid: boolean
  lowest: LowestVersion
  /** The only client that the answer is for; null: for all. */
  onlyFor: string | null
}

export type OriginFault = Pick<Upstream, "status" | "reason">

/** How long good facts hold, and how long a fault does; in milliseconds. */
const factsHold = 300_000
const faultHolds = 10_000

/** Good facts take 2 KiB each, of which a client causes a fortieth at most; faults 0.5 KiB. */
const factsLimits: FairMapLimits = { entries: 20_000, perOwner: 500 }
const faultLimits: FairMapLimits = { entries: 5_000, perOwner: 50 }

/** An ALPN list of more characters is nobody's but an attacker's: it is asked anew each time. */
const longestAlpn = 256

/** Owned state: the origins of the last minutes, in the shares of the clients that caused it. */
export class OriginMemory {
  /** Null: the origin shows now this, now that, and is asked each time. */
  readonly #facts = new FairMap<OriginFacts | null>(factsLimits)
  readonly #faults = new FairMap<OriginFault>(faultLimits)

  get(question: OriginQuestion, now: number): OriginFacts | null {
    return this.#facts.get(keyOf(question), now) ?? null
  }

  /** `client`: the address of the one whose contact it was. */
  put(question: OriginQuestion, facts: OriginFacts, client: string, now: number): void {
    const key = keyOf(question)
    if (key === unkept || this.#facts.get(key, now) === null) return
    this.#facts.set(key, facts, ownerOf(client), now, factsHold)
  }

  forget(question: OriginQuestion): void {
    this.#facts.delete(keyOf(question))
  }

  /**
   * The origin showed another certificate or protocol than was remembered, and a good one too. One of
   * several servers behind an address does; to end a connection at each change would break it.
   */
  unsteady(question: OriginQuestion, client: string, now: number): void {
    const key = keyOf(question)
    if (key !== unkept) this.#facts.set(key, null, ownerOf(client), now, factsHold)
  }

  noteFault(question: OriginQuestion, fault: OriginFault, client: string, now: number): void {
    const key = keyOf({ ...question, onlyFor: client })
    if (key !== unkept) this.#faults.set(key, fault, ownerOf(client), now, faultHolds)
  }

  /** What this very client met here some seconds ago. */
  fault(question: OriginQuestion, client: string, now: number): OriginFault | null {
    return this.#faults.get(keyOf({ ...question, onlyFor: client }), now) ?? null
  }
}

const unkept = ""

function keyOf(question: OriginQuestion): string {
  const { address, port, verifyName, alpn, hybrid, lowest, onlyFor } = question
  // Lengths keep protocols apart: ALPN names may hold any byte.
  let protocols = ""
  for (const name of alpn) {
    protocols += `${name.length}:${name}`
    if (protocols.length > longestAlpn) return unkept
  }
  return `${address} ${port} ${verifyName} ${hybrid ? "h" : "-"} ${lowest} ${onlyFor ?? "-"} ${protocols}`
}

/** Whose share it is: of IPv6 a host may use a whole /64 (RFC 8981). */
function ownerOf(client: string): string {
  return isIPv6(client) ? addressOctets(client).toString("hex", 0, 8) : client
}

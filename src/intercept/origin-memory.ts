/**
 * What a recent, verified contact with an origin showed, so that the next client can be answered
 * before the origin is dialled: refusals must not cost a connection upstream.
 *
 * Only good contacts are remembered. A failure is never remembered: it would decide for another
 * client. On remembered facts no byte passes before the connection's own upstream leg is verified.
 */
import type { OriginNames } from "../ca/origin-leaf-names.ts"
import type { Upstream } from "../record/attempt.ts"

export interface OriginFacts {
  names: OriginNames
  upstream: Upstream
  address: string
}

/** What the facts hold for: another name, offer or address may be answered otherwise. */
export interface OriginQuestion {
  address: string
  port: number
  /** The name that was verified. */
  verifyName: string
  /** ALPN protocols as offered, in order. */
  alpn: readonly string[]
  hybrid: boolean
}

/** How long facts are used, in milliseconds, and how many are kept (2 KiB each; oldest goes). */
const ttl = 300_000
const limit = 20_000

/** Owned state: the origins of the last minutes. */
export class OriginMemory {
  readonly #facts = new Map<string, { until: number; facts: OriginFacts }>()

  get(question: OriginQuestion, now: number): OriginFacts | null {
    const known = this.#facts.get(key(question))
    if (!known || known.until <= now) return null
    return known.facts
  }

  put(question: OriginQuestion, facts: OriginFacts, now: number): void {
    const at = key(question)
    this.#facts.delete(at)
    this.#facts.set(at, { until: now + ttl, facts })
    if (this.#facts.size <= limit) return
    const [oldest] = this.#facts.keys()
    if (oldest !== undefined) this.#facts.delete(oldest)
  }

  forget(question: OriginQuestion): void {
    this.#facts.delete(key(question))
  }
}

function key({ address, port, verifyName, alpn, hybrid }: OriginQuestion): string {
  // Lengths keep protocols apart: ALPN names may hold any byte.
  const protocols = alpn.map((name) => `${name.length}:${name}`).join("")
  return `${address} ${port} ${verifyName} ${hybrid ? "h" : "-"} ${protocols}`
}

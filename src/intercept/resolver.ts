/**
 * A caching resolver with a deadline. It asks the system (getaddrinfo), so that /etc/hosts and search
 * domains mean what they mean elsewhere; but getaddrinfo occupies a thread of a small pool for as long
 * as it takes, so names are remembered, equal questions share one answer, and waiting is bounded.
 */
import { lookup } from "node:dns/promises"
import { isIP } from "node:net"

export interface ResolverLimits {
  /** How long an answer and a failure are remembered, and how long anybody waits, in milliseconds. */
  ttl: number
  negativeTtl: number
  deadline: number
  /** Names remembered; the oldest goes, asking again costs one query. */
  names: number
}

export const defaultResolverLimits: ResolverLimits = {
  ttl: 30_000,
  negativeTtl: 2_000,
  deadline: 5_000,
  names: 20_000,
}

interface Answer {
  until: number
  addresses: Promise<string[]>
  /** The same, once it is there. */
  settled: string[] | null
}

export type Lookup = (name: string) => Promise<string[]>

/** Owned state: the answers of the last seconds. */
export class Resolver {
  readonly #limits: ResolverLimits
  readonly #clock: () => number
  readonly #lookup: Lookup
  readonly #answers = new Map<string, Answer>()

  constructor(
    clock: () => number,
    limits: ResolverLimits = defaultResolverLimits,
    ask: Lookup = systemLookup,
  ) {
    this.#clock = clock
    this.#limits = limits
    this.#lookup = ask
  }

  /** Addresses of a name if they are known now; an address is its own answer. */
  known(name: string): string[] | null {
    if (isIP(name)) return [name]
    const answer = this.#answers.get(name)
    return answer && answer.until > this.#clock() ? answer.settled : null
  }

  /** Addresses of a name. Rejects with a code (ENOTFOUND, ETIMEOUT, ...) as reason. */
  async resolve(name: string): Promise<string[]> {
    if (isIP(name)) return [name]
    const known = this.#answers.get(name)
    if (known && known.until > this.#clock()) return known.addresses
    const answer: Answer = {
      until: this.#clock() + this.#limits.ttl,
      addresses: withDeadline(this.#lookup(name), this.#limits.deadline),
      settled: null,
    }
    this.#remember(name, answer)
    try {
      answer.settled = await answer.addresses
      return answer.settled
    } catch (error) {
      answer.until = this.#clock() + this.#limits.negativeTtl
      throw error
    }
  }

  #remember(name: string, answer: Answer): void {
    this.#answers.delete(name)
    this.#answers.set(name, answer)
    if (this.#answers.size <= this.#limits.names) return
    const [oldest] = this.#answers.keys()
    if (oldest !== undefined) this.#answers.delete(oldest)
  }
}

/** Answers from a table of the operator's, else from the system. */
export function lookupWith(hosts: Readonly<Record<string, readonly string[]>>): Lookup {
  const table = new Map(Object.entries(hosts))
  return async (name) => [...(table.get(name) ?? (await systemLookup(name)))]
}

async function systemLookup(name: string): Promise<string[]> {
  const answers = await lookup(name, { all: true, order: "verbatim" })
  return answers.map(({ address }) => address)
}

function withDeadline(answer: Promise<string[]>, ms: number): Promise<string[]> {
  let timer: NodeJS.Timeout
  const late = new Promise<never>((_, reject) => {
    const error = Object.assign(new Error("no answer from the resolver in time"), {
      code: "ETIMEOUT",
    })
    timer = setTimeout(() => reject(error), ms)
  })
  return Promise.race([answer, late]).finally(() => clearTimeout(timer))
}

/**
 * A caching resolver with a deadline. Names are remembered for as long as their answer says, equal
 * questions share one answer, and nobody waits long: not for servers that are down, and not for others'
 * slow names. It must not know how names are asked for (ask-names.ts).
 *
 * Answers outlive their time where no server gives a new one (RFC 8767): a name that could be had an
 * hour ago still can while DNS is down. That a name does not exist is an answer, and ends that.
 */
import { isIP } from "node:net"
import { errorCode } from "./tls-error.ts"

/** Times in milliseconds. */
export interface ResolverLimits {
  /** The longest an answer is used, and the shortest, whatever its own time to live says. */
  ttl: number
  leastTtl: number
  /** Of an answer that says nothing about it. */
  plainTtl: number
  /** How long it is remembered that a name does not exist, or that a server failed. */
  negativeTtl: number
  /** The same of a name that nobody answered for in time: it is not to be waited for again at once. */
  slowTtl: number
  /** How long anybody waits; who can be given an old answer waits `staleAfter` only. */
  deadline: number
  staleAfter: number
  /** How long beyond its time an answer may be used where there is no new one, and how long until the
   * next attempt to get one (RFC 8767 section 5). */
  staleFor: number
  recheck: number
  /** How long it is known that an address was a name's, and how many such addresses of a name. */
  pastFor: number
  pastAddresses: number
  /** Names remembered; the oldest goes, asking again costs one query. */
  names: number
  /** Questions under way; another one fails at once. */
  asking: number
}

export const defaultResolverLimits: ResolverLimits = {
  ttl: 300_000,
  leastTtl: 5_000,
  plainTtl: 30_000,
  negativeTtl: 2_000,
  slowTtl: 10_000,
  deadline: 5_000,
  staleAfter: 500,
  staleFor: 3_600_000,
  recheck: 30_000,
  pastFor: 600_000,
  pastAddresses: 32,
  names: 20_000,
  asking: 2_000,
}

/** More addresses than this of one name are nobody's but a test's; they are cut off. */
const mostAddresses = 64

/** What a question brought, and for how long, in milliseconds; a plain list says nothing of that. */
export type Told = readonly string[] | { addresses: readonly string[]; ttl: number }
/** Rejects with a code (ENOTFOUND, ETIMEOUT, ...). */
export type Lookup = (name: string) => Promise<Told>

/** Codes that are answers: there is no such name, no address of it, or it is no name at all. */
const noSuchName: ReadonlySet<string> = new Set(["ENOTFOUND", "ENODATA", "EBADNAME"])

interface Entry {
  /** The last answer; null: there never was one, or the name is gone. */
  addresses: readonly string[] | null
  /** Why there is none, or no new one. */
  failure: Error | null
  /** Until when this is told without asking again. */
  until: number
  /** Until when the answer itself said it holds. */
  validUntil: number
  asking: Promise<readonly string[]> | null
  /** Addresses that it no longer has, with when they were last valid. */
  past: Map<string, number>
}

/** Owned state: the answers of the last minutes, and counts. */
export class Resolver {
  /** `failed`: no server gave an answer; `stale`: told for want of a new answer; `busy`: not asked. */
  readonly counts = { asked: 0, failed: 0, stale: 0, busy: 0 }
  readonly #limits: ResolverLimits
  readonly #clock: () => number
  readonly #lookup: Lookup
  readonly #onTrouble: (name: string, because: string) => void
  readonly #entries = new Map<string, Entry>()
  #asking = 0

  /** `onTrouble`: a question that no server answered. */
  constructor(
    clock: () => number,
    limits: ResolverLimits,
    ask: Lookup,
    onTrouble: (name: string, because: string) => void = () => {},
  ) {
    this.#clock = clock
    this.#limits = limits
    this.#lookup = ask
    this.#onTrouble = onTrouble
  }

  /** Addresses of a name if they are known now; an address is its own answer. */
  known(name: string): readonly string[] | null {
    if (isIP(name)) return [name]
    const entry = this.#entries.get(name)
    return entry && entry.until > this.#clock() ? entry.addresses : null
  }

  /** Addresses that a name has or had of late: what a client may have been told before we were. */
  recent(name: string): readonly string[] {
    const entry = this.#entries.get(name)
    if (!entry) return this.known(name) ?? []
    const since = this.#clock() - this.#limits.pastFor
    const now = entry.validUntil > since ? (entry.addresses ?? []) : []
    const past = [...entry.past].filter(([, last]) => last > since).map(([address]) => address)
    return [...now, ...past]
  }

  /** Addresses of a name. Rejects with a code (ENOTFOUND, ETIMEOUT, ...) as reason. */
  async resolve(name: string): Promise<readonly string[]> {
    if (isIP(name)) return [name]
    const entry = this.#entries.get(name) ?? this.#remember(name)
    if (entry.until > this.#clock()) {
      if (entry.addresses) return entry.addresses
      if (entry.failure) throw entry.failure
    }
    const stale = this.#stale(entry)
    const patience = stale ? this.#limits.staleAfter : this.#limits.deadline
    try {
      return (await inTime(this.#asked(name, entry), patience)) ?? this.#late(name, entry, stale)
    } catch (error) {
      if (stale === null || isAnswer(error)) throw error
      this.counts.stale++
      return stale
    }
  }

  /** The question goes on; whoever comes meanwhile is told at once. */
  #late(name: string, entry: Entry, stale: readonly string[] | null): readonly string[] {
    const { leastTtl, slowTtl } = this.#limits
    const now = this.#clock()
    // Who waited for the same question may have noted it already.
    const first = entry.until <= now
    if (first) entry.until = now + (stale ? leastTtl : slowTtl)
    if (stale) {
      this.counts.stale++
      return stale
    }
    const failure = Object.assign(new Error("no answer in time"), { code: "ETIMEOUT" })
    if (first) {
      entry.failure = failure
      this.#failed(name, "ETIMEOUT")
    }
    throw failure
  }

  #stale({ addresses, validUntil }: Entry): readonly string[] | null {
    return validUntil + this.#limits.staleFor > this.#clock() ? addresses : null
  }

  /** The answer to the question that is under way, or to a new one. */
  #asked(name: string, entry: Entry): Promise<readonly string[]> {
    if (entry.asking) return entry.asking
    if (this.#asking >= this.#limits.asking) {
      this.counts.busy++
      const error = new Error("too many names are being asked for")
      return Promise.reject(Object.assign(error, { code: "EBUSY" }))
    }
    this.#asking++
    this.counts.asked++
    this.#entries.delete(name)
    this.#entries.set(name, entry)
    const asking = this.#ask(name, entry).finally(() => {
      this.#asking--
      entry.asking = null
    })
    entry.asking = asking
    return asking
  }

  async #ask(name: string, entry: Entry): Promise<readonly string[]> {
    try {
      return this.#answered(entry, await this.#lookup(name))
    } catch (error) {
      this.#notAnswered(name, entry, error)
      throw error
    }
  }

  #answered(entry: Entry, told: Told): readonly string[] {
    const { ttl, leastTtl, plainTtl } = this.#limits
    const [all, holds] = "ttl" in told ? [told.addresses, told.ttl] : [told, plainTtl]
    const addresses = all.slice(0, mostAddresses)
    this.#leaveBehind(entry, addresses)
    entry.addresses = addresses
    entry.failure = null
    entry.validUntil = this.#clock() + Math.min(ttl, Math.max(leastTtl, holds))
    entry.until = entry.validUntil
    return addresses
  }

  #notAnswered(name: string, entry: Entry, error: unknown): void {
    const { negativeTtl, slowTtl, recheck } = this.#limits
    const now = this.#clock()
    entry.failure = error instanceof Error ? error : new Error(String(error))
    if (isAnswer(error)) {
      this.#leaveBehind(entry, [])
      entry.addresses = null
      entry.until = now + negativeTtl
      return
    }
    if (this.#stale(entry)) entry.until = now + recheck
    else {
      entry.addresses = null
      entry.until = now + (errorCode(error) === "ETIMEOUT" ? slowTtl : negativeTtl)
    }
    this.#failed(name, errorCode(error))
  }

  #failed(name: string, because: string): void {
    this.counts.failed++
    this.#onTrouble(name, because)
  }

  #leaveBehind(entry: Entry, addresses: readonly string[]): void {
    const { pastAddresses, pastFor } = this.#limits
    const now = this.#clock()
    for (const address of entry.addresses ?? []) {
      entry.past.delete(address)
      entry.past.set(address, Math.min(now, entry.validUntil))
    }
    for (const address of addresses) entry.past.delete(address)
    for (const [address, last] of entry.past)
      if (last <= now - pastFor || entry.past.size > pastAddresses) entry.past.delete(address)
  }

  #remember(name: string): Entry {
    const entry: Entry = {
      addresses: null,
      failure: null,
      until: Number.NEGATIVE_INFINITY,
      validUntil: Number.NEGATIVE_INFINITY,
      asking: null,
      past: new Map(),
    }
    this.#entries.set(name, entry)
    if (this.#entries.size > this.#limits.names) {
      const [oldest] = this.#entries.keys()
      if (oldest !== undefined) this.#entries.delete(oldest)
    }
    return entry
  }
}

function isAnswer(error: unknown): boolean {
  return noSuchName.has(errorCode(error))
}

/** Null if it does not come in time. */
function inTime<Value>(answer: Promise<Value>, ms: number): Promise<Value | null> {
  let timer: NodeJS.Timeout
  const late = new Promise<null>((resolve) => {
    timer = setTimeout(() => resolve(null), ms)
  })
  return Promise.race([answer, late]).finally(() => clearTimeout(timer))
}

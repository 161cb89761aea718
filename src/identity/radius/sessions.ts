/**
 * What accounting comes to: statements of bindings. In: starts, interims and stops, in the order in which
 * they were written, which is not always that in which they happened. Out: an address was a session's
 * from its begin to its end, or to when it will be given up if nothing more is heard of it.
 */
import type { BindingNames } from "../../record/binding.ts"
import type { Stated } from "../network-binding.ts"
import type { Accounting } from "./detail.ts"

/** Sessions that last, about 500 bytes each, and those that ended: of either so many. The one untouched
 * longest goes; its stop then ends what its length says. */
const most = 300_000

interface Session {
  names: Partial<BindingNames>
  realm: string | null
  nasNames: readonly string[]
  /** Epoch milliseconds. */
  began: number
  /** Since when it has each, in epoch milliseconds. */
  addresses: ReadonlyMap<string, number>
  /** To when the last statement goes. */
  to: number
  /** When that was said. */
  at: number
}

export interface SessionSettings {
  silenceMs: number
  realmOf: (accounting: Accounting) => string | null
  namesOf: (accounting: Accounting) => Partial<BindingNames>
}

/** Owned state: sessions, and what a batch makes of them until it is kept. */
export class Sessions {
  readonly #settings: SessionSettings
  #open = new Map<string, Session>()
  /** When sessions ended: what is heard of them later happened before. */
  #ended = new Map<string, number>()
  /** Whose an address is now, by realm. */
  #owners = new Map<string, string>()
  /** How to take back what was not kept: newest last. */
  #undo: (() => void)[] = []

  constructor(settings: SessionSettings) {
    this.#settings = settings
  }

  take(said: Accounting): Stated[] {
    if (said.status === "nas") return this.#restarted(said)
    const key = JSON.stringify([said.nas, said.session])
    if (said.at <= (this.#ended.get(key) ?? Number.NEGATIVE_INFINITY)) return []
    const open = this.#open.get(key)
    return said.status === "stop" ? this.#stopped(key, open, said) : this.#lasts(key, open, said)
  }

  /** What was stated is kept. */
  keep(): void {
    this.#undo = []
    for (const map of [this.#open, this.#ended])
      while (map.size > most) map.delete(map.keys().next().value as string)
    while (this.#owners.size > 4 * most)
      this.#owners.delete(this.#owners.keys().next().value as string)
  }

  /** What was stated was not kept, and will be read again. */
  undo(): void {
    for (const back of this.#undo.reverse()) back()
    this.#undo = []
  }

  #lasts(key: string, open: Session | undefined, said: Accounting): Stated[] {
    const { silenceMs } = this.#settings
    const given = this.#described(open, said)
    // Who else it is now, it is from now on.
    const renamed = open !== undefined && !sameNames(open.names, given.names)
    const over = renamed ? this.#endedAt(open, said.at) : []
    const before = open && !renamed ? open : null
    const began = Math.min(open?.began ?? said.at - (said.lasted ?? 0), said.at)
    // An access point learns the first address after the start, and tells of it with the next interim.
    const isFirst = !renamed && !open?.addresses.size
    const since = (address: string) =>
      isFirst ? Math.min(Math.max(began, this.#leftAt(given.realm, address)), said.at) : said.at
    const session: Session = {
      ...given,
      began,
      addresses: new Map(
        given.all.map((each) => [each, before?.addresses.get(each) ?? since(each)]),
      ),
      to: Math.max(open?.to ?? 0, said.at + silenceMs),
      at: Math.max(open?.at ?? 0, said.at) + (renamed ? 1 : 0),
    }
    const earlier = given.all.flatMap((address) => this.#leaves(address, key, session))
    for (const address of given.all) this.#set(this.#owners, ownerKey(session.realm, address), key)
    // Said again only where it says more: each statement is a record.
    const longEnough = before !== null && before.to - said.at >= silenceMs / 2
    const kept = longEnough ? { ...session, to: before.to, at: before.at } : session
    this.#set(this.#open, key, kept)
    const fresh = longEnough ? given.all.filter((each) => !before.addresses.has(each)) : given.all
    return [...over, ...earlier, ...fresh.map((address) => statedOf(kept, address))]
  }

  #stopped(key: string, open: Session | undefined, said: Accounting): Stated[] {
    const { all, ...given } = this.#described(open, said)
    const began = open?.began ?? said.at
    const from = Math.min(said.lasted === null ? began : said.at - said.lasted, said.at)
    const session = {
      ...given,
      began,
      names: open?.names ?? given.names,
      addresses: new Map(all.map((each) => [each, open?.addresses.get(each) ?? from])),
      to: said.at,
      at: open?.at ?? from,
    }
    const earlier = all.flatMap((address) => this.#leaves(address, key, session))
    return [...earlier, ...this.#end(key, session, said.at)]
  }

  /** The NAS started anew, or shuts down (RFC 2866 section 5.1): its sessions are over. */
  #restarted({ nasNames, at }: Accounting): Stated[] {
    const over = [...this.#open].filter(
      ([, session]) => session.at <= at && isSameNas(session.nasNames, nasNames),
    )
    return over.flatMap(([key, session]) => this.#end(key, session, at))
  }

  #end(key: string, session: Session, at: number): Stated[] {
    this.#set(this.#open, key, undefined)
    this.#set(this.#ended, key, at)
    return this.#endedAt(session, at)
  }

  #endedAt(session: Session, at: number): Stated[] {
    const ended = { ...session, to: at, at: Math.max(at, session.at + 1) }
    return [...session.addresses.keys()].map((address) => statedOf(ended, address))
  }

  /** An address that a later session has, an earlier one has no more, though nothing was heard of its
   * end. */
  #leaves(address: string, key: string, session: Session): Stated[] {
    const owner = this.#owners.get(ownerKey(session.realm, address))
    const before = owner === undefined || owner === key ? undefined : this.#open.get(owner)
    const to = session.addresses.get(address) ?? session.at
    const from = before?.addresses.get(address)
    if (owner === undefined || !before || from === undefined || from >= to) return []
    const addresses = new Map([...before.addresses].filter(([each]) => each !== address))
    this.#set(this.#open, owner, { ...before, addresses })
    if (before.to <= to) return []
    return [statedOf({ ...before, to, at: Math.max(to, before.at + 1) }, address)]
  }

  /** When who had the address last was done with it, in epoch milliseconds. */
  #leftAt(realm: string | null, address: string): number {
    const owner = this.#owners.get(ownerKey(realm, address))
    return (owner === undefined ? undefined : this.#ended.get(owner)) ?? Number.NEGATIVE_INFINITY
  }

  /** A stanza need not repeat what an earlier one said. */
  #described(open: Session | undefined, said: Accounting) {
    return {
      names: { ...open?.names, ...this.#settings.namesOf(said) },
      realm: open ? open.realm : this.#settings.realmOf(said),
      nasNames: said.nasNames,
      all: [...new Set([...(open?.addresses.keys() ?? []), ...said.addresses])],
    }
  }

  #set<Value>(map: Map<string, Value>, key: string, value: Value | undefined): void {
    const before = map.get(key)
    this.#undo.push(() => (before === undefined ? map.delete(key) : map.set(key, before)))
    map.delete(key)
    if (value !== undefined) map.set(key, value)
  }
}

function statedOf({ realm, names, addresses, to, at }: Session, address: string): Stated {
  return { realm, address, names, from: Math.min(addresses.get(address) ?? to, to), to, at }
}

/** One tells the same of itself as the other, or less: behind NAT, and with identifiers as they were shipped, two
 * have some names in common. */
function isSameNas(one: readonly string[], other: readonly string[]): boolean {
  const [less, more] = one.length <= other.length ? [one, other] : [other, one]
  return less.length > 0 && less.every((name) => more.includes(name))
}

function ownerKey(realm: string | null, address: string): string {
  return JSON.stringify([realm, address])
}

function sameNames(one: Partial<BindingNames>, other: Partial<BindingNames>): boolean {
  const keys = new Set([...Object.keys(one), ...Object.keys(other)]) as Set<keyof BindingNames>
  return [...keys].every((key) => one[key] === other[key])
}

/**
 * What leases come to: statements of bindings. In: leases in the order in which the server wrote them.
 * Out: a binding begins, lasts longer, or ended. A renewal is stated with the begin of the first
 * lease, so that one stay of a device is one interval.
 */
import type { Stated } from "../network-binding.ts"
import type { Lease } from "./lease.ts"

/** Leases that are held, about 250 bytes each; the one untouched longest goes, and its renewal is a
 * binding of its own. */
const most = 500_000

export interface Stay {
  mac: string | null
  from: number
  to: number | null
  /** When this was known, as in the last statement. */
  at: number
}

export type LeaseStated = Omit<Stated, "realm">

/** Owned state: what is held, and what a batch makes of it until the batch is kept. */
export class LeaseLedger {
  readonly #held = new Map<string, Stay>()
  readonly #draft = new Map<string, Stay | null>()
  /** When who had an address last had asked; as many as are held, 100 bytes each. */
  readonly #over = new Map<string, number>()
  readonly #overDraft = new Map<string, number>()

  /** `endedAt`: when it ended, for one that is gone. */
  take(lease: Lease & { asked: number }, endedAt: number): LeaseStated[] {
    const { address, mac, asked: at, ends: to } = lease
    const stay = this.#of(address)
    if (lease.state !== "held") this.#overDraft.set(address, Math.max(at, stay?.at ?? at))
    if (lease.state === "expired") {
      this.#draft.set(address, null)
      return []
    }
    if (lease.state === "gone") return this.gone(address, endedAt)
    const same = stay !== null && stay.mac === mac && (stay.to === null || at <= stay.to)
    const next: Stay = { mac, from: same ? Math.min(stay.from, at) : at, to, at }
    const ended = stay && !same ? this.gone(address, at) : []
    this.#draft.set(address, next)
    // A row that was written again says nothing new.
    if (same && stay.from === next.from && stay.to === to) return []
    return [...ended, ...stated(address, next)]
  }

  /** Whether more is known of the address than a row says that may have been written again later. */
  isStale({ address, asked }: { address: string; asked: number }): boolean {
    const over = this.#overDraft.get(address) ?? this.#over.get(address)
    return asked < (this.#of(address)?.at ?? 0) || (over !== undefined && asked <= over)
  }

  /** Nobody has the address from then on. */
  gone(address: string, endedAt: number): LeaseStated[] {
    const stay = this.#of(address)
    this.#draft.set(address, null)
    if (stay === null || (stay.to !== null && stay.to <= endedAt)) return []
    const to = Math.max(endedAt, stay.from)
    return stated(address, { ...stay, to, at: Math.max(to, stay.at + 1) })
  }

  /** Addresses that are held, with what a batch that is not kept yet makes of them. */
  held(): Map<string, Stay> {
    const held = new Map(this.#held)
    for (const [address, stay] of this.#draft)
      if (stay === null) held.delete(address)
      else held.set(address, stay)
    return held
  }

  /** As if it had been held all along. */
  remember(address: string, stay: Stay): void {
    this.#held.set(address, stay)
  }

  /** What was stated since is kept. */
  keep(): void {
    for (const [address, stay] of this.#draft) {
      this.#held.delete(address)
      if (stay !== null) this.#held.set(address, stay)
    }
    for (const [address, at] of this.#overDraft) {
      this.#over.delete(address)
      this.#over.set(address, at)
    }
    this.undo()
    for (const map of [this.#held, this.#over])
      while (map.size > most) map.delete(map.keys().next().value as string)
  }

  /** What was stated since was not kept, and will be read again. */
  undo(): void {
    this.#draft.clear()
    this.#overDraft.clear()
  }

  #of(address: string): Stay | null {
    const draft = this.#draft.get(address)
    return draft === undefined ? (this.#held.get(address) ?? null) : draft
  }
}

/** Who has no hardware address that is known cannot be named. */
function stated(address: string, { mac, from, to, at }: Stay): LeaseStated[] {
  return mac === null ? [] : [{ address, names: { wifi_mac: mac }, from, to, at }]
}

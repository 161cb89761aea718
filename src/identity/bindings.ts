/**
 * Which device an address belonged to at an instant.
 *
 * In: binding records of one tenant, and who inventory knows by their names. Out: the choice, what lost
 * against it, and why. It must not know what the address did: a connection is judged by when it began,
 * never by when we heard of it.
 */
import type { Binding, BindingNames } from "../record/binding.ts"
import type { Platform } from "../record/common.ts"
import { AddressHistory, endOf } from "./address-history.ts"
import { canonicalAddress } from "./address-key.ts"
import { type BindingChoice, type BoundTo, chooseBinding } from "./choose-binding.ts"
import type { DeviceMatch } from "./devices.ts"
import { type Holder, Holders } from "./holders.ts"
import { PrefixTable } from "./prefix-table.ts"
import { type JoinSettings, joinDefaults } from "./settings.ts"

export interface BindingSettings {
  /** Whose bindings: those of other tenants are passed over. */
  tenant: string
  clockToleranceMs?: JoinSettings["clockToleranceMs"]
  /** How many bindings are kept: about 1 KB each. Beyond it, those that began first are dropped, a
   * twentieth at a time, which costs as much as building the index anew. */
  limit?: number
  /** The platform of a device, to see Android and iOS behind one address. */
  platformOf?: (deviceId: string) => Platform
  /** The device that inventory knows by these names now; without it, names mean nobody. */
  deviceOf?: (names: BindingNames) => DeviceMatch
  /** The hardware address of a device, as inventory has it. */
  macOf?: (deviceId: string) => string | null
}

const unasked: DeviceMatch = { device_id: null, because: "no inventory was asked" }

export class BindingIndex {
  readonly tenant: string
  /** Bindings that were passed over: beyond the limit, or with an address that cannot be read. */
  readonly dropped = { limit: 0, unreadable: 0 }
  /** Bounded by `limit`, as is what follows. */
  readonly #realms = new Map<string, PrefixTable<AddressHistory>>()
  readonly #holders: Holders
  readonly #holderOf = (binding: Binding): Holder => this.#holders.of(binding)
  #size = 0
  readonly #limit: number
  readonly #toleranceMs: number
  readonly #platformOf: (deviceId: string) => Platform
  readonly #macOf: (deviceId: string) => string | null

  constructor(bindings: Iterable<Binding>, settings: BindingSettings) {
    this.tenant = settings.tenant
    this.#limit = settings.limit ?? 1_000_000
    this.#toleranceMs = settings.clockToleranceMs ?? joinDefaults.clockToleranceMs
    this.#platformOf = settings.platformOf ?? (() => "unknown")
    this.#macOf = settings.macOf ?? (() => null)
    this.#holders = new Holders(settings.deviceOf ?? (() => unasked))
    for (const binding of bindings) this.add(binding)
  }

  /** Takes one more binding, at a cost that does not grow with how many are known. */
  add(binding: Binding): void {
    if (binding.tenant !== this.tenant) return
    if (this.#put(binding) && this.#size > this.#limit) this.#forgetOldest()
  }

  /** `realm` is where the address has its meaning: the binding's realm, else its site; `at` is the
   * begin of the connection in epoch milliseconds. */
  resolve({ realm, address, at }: { realm: string; address: string; at: number }): BindingChoice {
    const histories = this.#realms.get(realm)?.covering(address)
    if (!histories || histories.length === 0)
      return absent(`no source ever bound ${address} in realm ${realm}`)
    const holding = this.#holdingAt(histories, at, 0)
    if (holding.length > 0) return this.#choose(holding)
    const near = this.#holdingAt(histories, at, this.#toleranceMs)
    if (near.length === 0)
      return absent(`no binding of ${address} in realm ${realm} holds at that time`)
    const choice = this.#choose(near)
    choice.because += `, within the clock tolerance of ${this.#toleranceMs} ms`
    return choice
  }

  /** The bindings of a device that touch a span of time, oldest first: where to look for its facts. */
  ofDevice(deviceId: string, from: number, to: number): Binding[] {
    return [...this.#bindingsOf(deviceId)]
      .filter((binding) => Date.parse(binding.valid_from) < to && endOf(binding) > from)
      .sort(byStart)
  }

  /** When an address was bound to a device last, in epoch milliseconds; infinite where only a prefix
   * was, or nothing. */
  heldUntil(deviceId: string, address: string): number {
    const of = canonicalAddress(address)
    let until = Number.NEGATIVE_INFINITY
    for (const binding of this.#bindingsOf(deviceId)) {
      if (binding.address.includes("/")) return Number.POSITIVE_INFINITY
      // Only IPv6 has several spellings; addresses are bound anew too often to read each of them.
      const spelt = binding.address.includes(":")
        ? canonicalAddress(binding.address)
        : binding.address
      if (spelt === of) until = Math.max(until, endOf(binding))
    }
    return until === Number.NEGATIVE_INFINITY ? Number.POSITIVE_INFINITY : until
  }

  /** Every device that ever had an address in any realm, by itself or by a prefix that covers it:
   * whose evidence a connection from there may concern. */
  holders(address: string): string[] {
    const histories = [...this.#realms.values()].flatMap((table) => table.covering(address))
    const devices = histories.flatMap((history) => history.holders(this.#holderOf))
    return [...new Set(devices)].sort()
  }

  /** The device that a binding of this index means now; null: none that inventory knows. */
  deviceOf(binding: Binding): string | null {
    return this.#holders.of(binding).device_id
  }

  /** Inventory says something else of whoever has these names (name-keys.ts): gives the bindings that
   * mean another device now, and the devices that they meant before. */
  namesChanged(names: Iterable<string>): { bindings: Binding[]; before: string[] } {
    const changed = this.#holders.namesChanged(names)
    const bindings = changed.flatMap(({ holder }) => [...holder.bindings])
    for (const { realm, site, address } of bindings)
      this.#realms
        .get(realm ?? site)
        ?.at(address, () => new AddressHistory())
        ?.holdersChanged()
    return { bindings, before: changed.flatMap(({ before }) => before ?? []) }
  }

  *#bindingsOf(deviceId: string): Generator<Binding> {
    for (const { bindings } of this.#holders.ofDevice(deviceId)) yield* bindings
  }

  #choose(holding: readonly (readonly BoundTo[])[]): BindingChoice {
    return chooseBinding(holding, this.#platformOf, this.#macOf)
  }

  #holdingAt(histories: readonly AddressHistory[], at: number, toleranceMs: number): BoundTo[][] {
    const holding: BoundTo[][] = []
    for (const history of histories) {
      const bounds = history.containing(at, toleranceMs, this.#holderOf)
      if (bounds.length > 0) holding.push(bounds)
    }
    return holding
  }

  /** Whether the number of bindings grew. */
  #put(binding: Binding): boolean {
    const realm = binding.realm ?? binding.site
    const table = this.#realms.get(realm) ?? new PrefixTable<AddressHistory>()
    const history = table.at(binding.address, () => new AddressHistory())
    if (history === null) {
      this.dropped.unreadable++
      return false
    }
    this.#realms.set(realm, table)
    const displaced = history.add(binding)
    if (displaced === binding) return false
    this.#holders.of(binding).bindings.add(binding)
    if (displaced) this.#holders.without(displaced)
    else this.#size++
    return displaced === null
  }

  #forgetOldest(): void {
    const all = [...this.#holders.all()].flatMap(({ bindings }) => [...bindings]).sort(byStart)
    const kept = all.slice(all.length - this.#limit + Math.floor(this.#limit / 20))
    this.dropped.limit += all.length - kept.length
    this.#realms.clear()
    this.#holders.clear()
    this.#size = 0
    for (const binding of kept) this.#put(binding)
  }
}

function byStart(a: Binding, b: Binding): number {
  if (a.valid_from !== b.valid_from) return a.valid_from < b.valid_from ? -1 : 1
  return a.id < b.id ? -1 : 1
}

function absent(because: string): BindingChoice {
  return {
    device_id: null,
    attribution: "absent",
    binding_id: null,
    losers: [],
    contenders: [],
    because,
  }
}

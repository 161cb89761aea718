/**
 * Who is meant by bindings. In: bindings with our key of a device, or with names of it. Out: the device
 * that inventory knows by these names now; and whose answer changed, when inventory did.
 */
import type { Binding, BindingNames } from "../record/binding.ts"
import type { DeviceMatch } from "./devices.ts"
import { canonicalMac, isLocallyAdministered } from "./mac.ts"
import { nameKeys } from "./name-keys.ts"

/** Whoever is meant by the same names, or the same key. */
export interface Holder {
  readonly key: string
  readonly names: BindingNames | null
  /** Null where inventory knows no device of these names, or several. */
  device_id: string | null
  because: string
  /** The hardware address among the names, where it is one; null otherwise. */
  readonly mac: string | null
  readonly bindings: Set<Binding>
}

/** Owned state: a holder for each key and each set of names that is bound; bounded by the bindings. */
export class Holders {
  readonly #deviceOf: (names: BindingNames) => DeviceMatch
  readonly #holders = new Map<string, Holder>()
  readonly #ofDevice = new Map<string, Set<Holder>>()
  readonly #ofName = new Map<string, Set<Holder>>()

  constructor(deviceOf: (names: BindingNames) => DeviceMatch) {
    this.#deviceOf = deviceOf
  }

  of(binding: Binding): Holder {
    const key = holderKey(binding)
    return this.#holders.get(key) ?? this.#learn(key, binding)
  }

  ofDevice(deviceId: string): Iterable<Holder> {
    return this.#ofDevice.get(deviceId) ?? []
  }

  all(): Iterable<Holder> {
    return this.#holders.values()
  }

  /** One binding less; who has none is forgotten. */
  without(binding: Binding): void {
    const holder = this.#holders.get(holderKey(binding))
    if (!holder?.bindings.delete(binding) || holder.bindings.size > 0) return
    this.#holders.delete(holder.key)
    if (holder.device_id !== null) remove(this.#ofDevice, holder.device_id, holder)
    for (const name of nameKeys(holder.names)) remove(this.#ofName, name, holder)
  }

  /** Inventory says something new of whoever has these names: who is another device now, and which
   * it was before. */
  namesChanged(names: Iterable<string>): { holder: Holder; before: string | null }[] {
    const changed: { holder: Holder; before: string | null }[] = []
    const named = [...names].flatMap((name) => [...(this.#ofName.get(name) ?? [])])
    for (const holder of new Set(named)) {
      if (holder.names === null) continue
      const { device_id, because } = this.#deviceOf(holder.names)
      const before = holder.device_id
      if (device_id === before && because === holder.because) continue
      if (before !== null) remove(this.#ofDevice, before, holder)
      holder.device_id = device_id
      holder.because = because
      if (device_id !== null) put(this.#ofDevice, device_id, holder)
      changed.push({ holder, before })
    }
    return changed
  }

  clear(): void {
    for (const map of [this.#holders, this.#ofDevice, this.#ofName]) map.clear()
  }

  #learn(key: string, { device_id, names }: Binding): Holder {
    const match = device_id === null ? this.#match(names) : { device_id, because: "" }
    const holder = {
      key,
      names: device_id === null ? names : null,
      ...match,
      mac: device_id === null ? hardwareMac(names) : null,
      bindings: new Set<Binding>(),
    }
    this.#holders.set(key, holder)
    if (holder.device_id !== null) put(this.#ofDevice, holder.device_id, holder)
    for (const name of nameKeys(holder.names)) put(this.#ofName, name, holder)
    return holder
  }

  #match(names: BindingNames | null): DeviceMatch {
    return names ? this.#deviceOf(names) : { device_id: null, because: "it names nobody" }
  }
}

/** Bindings that mean the same one have the same key. */
export function holderKey({ device_id, names }: Binding): string {
  if (device_id !== null || !names) return device_id ?? ""
  const { wifi_mac, user, serial, udid, imei, mdm_id } = names
  return JSON.stringify([wifi_mac, user, serial, udid, imei, mdm_id])
}

function hardwareMac(names: BindingNames | null): string | null {
  const mac = names?.wifi_mac ? canonicalMac(names.wifi_mac) : null
  return mac === null || isLocallyAdministered(mac) ? null : mac
}

function put<Value>(map: Map<string, Set<Value>>, key: string, value: Value): void {
  const values = map.get(key)
  if (values) values.add(value)
  else map.set(key, new Set([value]))
}

function remove<Value>(map: Map<string, Set<Value>>, key: string, value: Value): void {
  const values = map.get(key)
  values?.delete(value)
  if (values?.size === 0) map.delete(key)
}

/**
 * Who is who, kept in step with the store. In: records of bindings, devices, postures and apps as
 * they come. Out: the indexes of the join, and whom the news concern: leases come every second, and
 * each must cost what it changes.
 */
import type { Config } from "../../config.ts"
import type { Store } from "../../evidence/store.ts"
import { endOf } from "../../identity/address-history.ts"
import { canonicalAddress } from "../../identity/address-key.ts"
import type { BindingIndex } from "../../identity/bindings.ts"
import { type Inventory, inventory } from "../../identity/inventory.ts"
import { posturesKept } from "../../identity/posture-history.ts"
import { type JoinSettings, joinSettings } from "../../identity/settings.ts"
import type { Binding } from "../../record/binding.ts"
import type { RecordOf } from "../../record/kinds.ts"
import { newestUpTo } from "./recall.ts"

/** Whom a change of the inventory concerns. */
export interface Concerned {
  /** Single addresses that were bound anew. */
  addresses: Set<string>
  /** From when on whose they are may be another now, in epoch milliseconds of event time. */
  since: Map<string, number>
  /** Devices of which something new was said. */
  devices: Set<string>
  /** From when on postures of a device are others now, in epoch milliseconds. */
  postures: Map<string, number>
  /** Devices that were given whole prefixes: all clients inside are theirs. */
  prefixHolders: Set<string>
  /** The app register changed. */
  all: boolean
}

export interface InventoryParts {
  store: Store
  config: Config
  clock: () => number
  /** Told of a record that cannot be used. */
  unusable: (id: string, error: unknown) => void
}

const kinds = ["devices", "postures", "bindings", "apps"] as const
type InventoryKind = (typeof kinds)[number]

/** A lease is stated with each renewal: new is what lies between its end until now and the one that is told now. */
function newSince(bindings: BindingIndex, binding: Binding): number {
  const from = Date.parse(binding.valid_from)
  const deviceId = bindings.deviceOf(binding)
  if (deviceId === null) return from
  const before = bindings
    .ofDevice(deviceId, from, from + 1)
    .find(
      ({ address, source, valid_from }) =>
        address === binding.address && source === binding.source && Date.parse(valid_from) === from,
    )
  return before ? Math.min(endOf(before), endOf(binding)) : from
}

/** Records read at a time. */
const batch = 2_000
const day = 86_400_000

export class InventoryMemory {
  readonly #parts: InventoryParts
  readonly #settings: JoinSettings
  /** How far each kind was read. */
  readonly #seq: Record<InventoryKind, number>
  /** Up to here each kind is known from the start. */
  readonly #atStart: Record<InventoryKind, number>
  #current: Inventory

  constructor(parts: InventoryParts) {
    const { store } = parts
    this.#parts = parts
    this.#settings = joinSettings(parts.config.identity)
    // First where it ends, then what there is: what comes in between is read twice, not missed.
    this.#atStart = {
      devices: store.lastSeq("devices"),
      postures: store.lastSeq("postures"),
      bindings: store.lastSeq("bindings"),
      apps: store.lastSeq("apps"),
    }
    this.#seq = { ...this.#atStart }
    // Whom it concerned that came while nobody looked is asked when it is read again.
    const judged = store.cursor("correlator/attempts") + store.cursor("correlator/flows") > 0
    if (judged)
      for (const kind of kinds)
        this.#seq[kind] = Math.min(this.#seq[kind], store.cursor(`correlator/${kind}`))
    this.#current = this.#read()
  }

  get current(): Inventory {
    return this.#current
  }

  /** Takes in what is new; null if nothing is. */
  refresh(): Concerned | null {
    const concerned: Concerned = {
      addresses: new Set(),
      since: new Map(),
      devices: new Set(),
      postures: new Map(),
      prefixHolders: new Set(),
      all: false,
    }
    const { bindings, devices } = this.#current
    const concern = (binding: Binding, since = Date.parse(binding.valid_from)) => {
      const deviceId = bindings.deviceOf(binding)
      const address = canonicalAddress(binding.address)
      if (!binding.address.includes("/")) {
        concerned.addresses.add(address)
        concerned.since.set(address, Math.min(since, concerned.since.get(address) ?? since))
      } else if (deviceId !== null) concerned.prefixHolders.add(deviceId)
    }
    const added =
      this.#take("devices", (device) => {
        // Leases that came before the device are its own from now on.
        const changed = bindings.namesChanged(devices.add(device))
        for (const binding of changed.bindings) concern(binding)
        for (const deviceId of [...changed.before, device.device_id])
          concerned.devices.add(deviceId)
      }) +
      this.#take("postures", (posture) => {
        const { device_id, observed_at } = posture
        devices.postures.add(posture)
        concerned.devices.add(device_id)
        const at = Date.parse(observed_at)
        concerned.postures.set(device_id, Math.min(at, concerned.postures.get(device_id) ?? at))
      }) +
      this.#take("bindings", (binding, wasKnown) => {
        const since = wasKnown ? Date.parse(binding.valid_from) : newSince(bindings, binding)
        bindings.add(binding)
        concern(binding, since)
      }) +
      this.#take("apps", () => {
        concerned.all = true
      })
    if (concerned.all) this.#current = this.#withApps()
    return added > 0 ? concerned : null
  }

  #take<K extends InventoryKind>(
    kind: K,
    learn: (record: RecordOf[K], wasKnown: boolean) => void,
  ): number {
    let count = 0
    for (;;) {
      const rows = this.#parts.store.follow(kind, this.#seq[kind], batch)
      for (const { seq, record } of rows) {
        try {
          learn(record as RecordOf[K], seq <= this.#atStart[kind])
        } catch (error) {
          this.#parts.unusable((record as { id: string }).id, error)
        }
        this.#seq[kind] = seq
      }
      count += rows.length
      if (rows.length < batch) return count
    }
  }

  #read(): Inventory {
    const { store, config, clock } = this.#parts
    const now = clock()
    // As the facts count by their own time, be they imported from a year ago; before there are any, all leases do.
    const newest = newestUpTo(store, now)
    const back = config.analytics.scope.window + config.analytics.scope["allowed-lateness"]
    return inventory(
      {
        tenant: config.tenant,
        bindings: store.bindings(newest === null ? 0 : newest - back - 30 * day, now + day),
        devices: store.current("devices"),
        postures: (deviceId) => store.posturesOf(deviceId, posturesKept),
        apps: store.current("apps"),
      },
      this.#settings,
    )
  }

  /** The app register is small, and its index is made in one piece. */
  #withApps(): Inventory {
    const { store, config } = this.#parts
    const { tenant } = config
    const none = { tenant, bindings: [], devices: [], postures: [] }
    const { apps, appRegister } = inventory(
      { ...none, apps: store.current("apps") },
      this.#settings,
    )
    return { ...this.#current, apps, appRegister }
  }
}

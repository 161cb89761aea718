/** The connections of one device: what the join attributes to it, or might. */
import type { Config } from "../../config.ts"
import type { EraseRows } from "../../evidence/erase-rows.ts"
import type { Store } from "../../evidence/store.ts"
import { BindingIndex } from "../../identity/bindings.ts"
import { DeviceIndex } from "../../identity/devices.ts"
import { PrefixTable } from "../../identity/prefix-table.ts"
import type { Binding } from "../../record/binding.ts"

export interface OwnConnections {
  /** Rows of the device's bindings. */
  bindings: number[]
  connections(table: "attempts" | "flows"): Generator<number[]>
}

/** Rows handed on at a time. */
const batch = 500

/**
 * Once a device's bindings are gone, what was ambiguous between it and another would be the other's: so
 * that goes too. What a surer source gave to another device stays.
 */
export function ownConnections(
  store: Store,
  rows: EraseRows,
  config: Config,
  deviceId: string,
): OwnConnections {
  const { tenant, identity } = config
  const devices = new DeviceIndex(store.eachCurrent("devices"), [], { tenant })
  const means = (binding: Binding) =>
    binding.tenant === tenant &&
    (binding.device_id ??
      (binding.names
        ? devices.find({ ...binding.names, device_id: null, ip: null }).device_id
        : null)) === deviceId
  const own: number[] = []
  const addresses = new PrefixTable<true>()
  for (const { seq, body } of rows.bodies("bindings")) {
    const binding: Binding = JSON.parse(body)
    if (!means(binding)) continue
    own.push(seq)
    addresses.at(binding.address, () => true)
  }
  const index = new BindingIndex(bindingsAround(rows, addresses), {
    tenant,
    clockToleranceMs: identity["clock-tolerance"],
    platformOf: (id) => devices.platformOf(id),
    deviceOf: (names) => devices.find({ ...names, device_id: null, ip: null }),
    macOf: (id) => devices.macOf(id),
  })
  const first = Number.MIN_SAFE_INTEGER
  const last = Number.MAX_SAFE_INTEGER
  const clients =
    own.length === 0
      ? []
      : store.clientsSeen(first, last).filter((ip) => index.holders(ip).includes(deviceId))
  const isOwn = (body: string) => {
    const fact = JSON.parse(body)
    if (fact.tenant !== tenant) return false
    const at = Date.parse(fact.observed_at)
    const choice = index.resolve({ realm: fact.site, address: fact.client_ip, at })
    return (
      choice.device_id === deviceId ||
      choice.contenders.some((contender) => contender.device_id === deviceId)
    )
  }
  return {
    bindings: own,
    *connections(table) {
      let found: number[] = []
      for (const ip of clients)
        for (const { seq, body } of rows.ofClient(table, ip, first, last)) {
          if (isOwn(body)) found.push(seq)
          if (found.length < batch) continue
          yield found
          found = []
        }
      yield found
    },
  }
}

/** Those of the same addresses, and inside of its networks, and all of whole networks: what may speak against the
 * device's own. */
function* bindingsAround(rows: EraseRows, addresses: PrefixTable<true>): Generator<Binding> {
  for (const { body } of rows.bodies("bindings")) {
    const binding: Binding = JSON.parse(body)
    const { address } = binding
    if (address.includes("/") || addresses.covering(address).length > 0) yield binding
  }
}

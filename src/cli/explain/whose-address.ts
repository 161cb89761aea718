/**
 * Whose an address was, as the bindings that are stored tell. They are never overwritten, so it is what the join
 * says of it, with the bindings that were not believed. In: the connections of a finding. Out: each choice with
 * its losers, and the bindings themselves.
 */
import type { Store } from "../../evidence/store.ts"
import { prefixesOf } from "../../identity/address-key.ts"
import { BindingIndex } from "../../identity/bindings.ts"
import { type JoinSettings, joinDefaults } from "../../identity/settings.ts"
import type { Binding } from "../../record/binding.ts"
import type { DeviceAttribution } from "../../record/finding.ts"
import { namedDevices } from "../named-devices.ts"

/** Different choices that are told; further ones are of the same addresses at other times. */
const most = 50

export interface AddressChoice {
  address: string
  /** Begin of the first and the last connection of which it holds. */
  from: string
  to: string
  attribution: DeviceAttribution
  device_id: string | null
  binding_id: string | null
  /** Bindings that held as well, surest first. */
  losers: string[]
  because: string
}

export interface WhoseAddress {
  choices: AddressChoice[]
  /** Chosen ones and losers, each once. */
  bindings: Binding[]
}

interface Connection {
  tenant: string
  site: string
  client_ip: string
  observed_at: string
}

/** `connections`: oldest first. */
export function whoseAddress(
  store: Pick<Store, "bindingsOf" | "devicesNamed" | "device">,
  tenant: string,
  connections: readonly Connection[],
  { clockToleranceMs }: Pick<JoinSettings, "clockToleranceMs"> = joinDefaults,
): WhoseAddress {
  const prefixes = new Set(connections.flatMap(({ client_ip }) => prefixesOf(client_ip)))
  const told = store.bindingsOf(...prefixes)
  const named = namedDevices(store, tenant, told)
  const index = new BindingIndex(told, { tenant, clockToleranceMs, ...named })
  const choices = new Map<string, AddressChoice>()
  for (const { site, client_ip, observed_at } of connections) {
    const at = Date.parse(observed_at)
    const choice = index.resolve({ realm: site, address: client_ip, at })
    const { attribution, device_id, binding_id, losers, because } = choice
    const key = JSON.stringify([site, client_ip, binding_id, losers, because])
    const known = choices.get(key)
    if (known) known.to = observed_at
    else if (choices.size < most)
      choices.set(key, {
        address: client_ip,
        from: observed_at,
        to: observed_at,
        attribution,
        device_id,
        binding_id,
        losers,
        because,
      })
  }
  const all = [...choices.values()]
  const ids = new Set(all.flatMap(({ binding_id, losers }) => [binding_id, ...losers]))
  return { choices: all, bindings: told.filter(({ id }) => ids.has(id)) }
}

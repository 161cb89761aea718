/**
 * Which device an address is bound to now, for policy. Asked only while some rule or register entry
 * names a device or a group, or some device is a person's own. Fails closed: an address that is unbound,
 * shared or ambiguous, or of which the store cannot tell, has no device, so nothing scoped to one
 * matches and nothing is known to be a person's own.
 */
import type { Config } from "../../config.ts"
import type { Store } from "../../evidence/store.ts"
import { prefixesOf } from "../../identity/address-key.ts"
import { BindingIndex } from "../../identity/bindings.ts"
import type { Log } from "../../intercept/log.ts"
import { errorCode } from "../../intercept/tls-error.ts"
import type { ConnectionFacts } from "../../policy/connection-view.ts"
import { namedDevices } from "../named-devices.ts"

type ClientDevice = Pick<ConnectionFacts, "device_id" | "device_groups" | "device_personal">

const nobody: ClientDevice = Object.freeze({ device_id: null, device_groups: [] })
/** Addresses remembered (200 bytes each; the oldest goes), and for how long, in milliseconds: a
 * binding may begin or end at any time. */
const most = 50_000
const keptFor = 1_000

export class ClientDevices {
  readonly #config: Config
  readonly #log: Log
  readonly #asked: () => boolean
  readonly #known = new Map<string, { until: number; device: ClientDevice }>()
  #store: Store | null = null
  #trouble = false

  /** `asked`: whether policy asks for devices at all; the store is left alone while it does not. */
  constructor(config: Config, log: Log, asked: () => boolean) {
    this.#config = config
    this.#log = log
    this.#asked = asked
  }

  /** From now on answers come from this store; before, nobody is known. */
  readFrom(store: Store): void {
    this.#store = store
    this.#known.clear()
  }

  of(clientIp: string, now: number): ClientDevice {
    if (!this.#asked()) return nobody
    const known = this.#known.get(clientIp)
    // A clock that was set back must not make it last.
    if (known && known.until > now && known.until <= now + keptFor) return known.device
    const device = this.#find(clientIp, now)
    this.#known.delete(clientIp)
    this.#known.set(clientIp, { until: now + keptFor, device })
    if (this.#known.size > most) {
      const [oldest] = this.#known.keys()
      if (oldest !== undefined) this.#known.delete(oldest)
    }
    return device
  }

  /** Called on the way of each connection: what the store throws must not reach it. */
  #find(address: string, at: number): ClientDevice {
    try {
      const device = this.#ask(address, at)
      this.#trouble = false
      return device
    } catch (error) {
      if (!this.#trouble) this.#log("error", "bindings-unreadable", { reason: errorCode(error) })
      this.#trouble = true
      return nobody
    }
  }

  #ask(address: string, at: number): ClientDevice {
    const store = this.#store
    if (!store) return nobody
    const { tenant, site, identity } = this.#config
    // A prefix may be a device's, or be declared shared.
    const told = store.bindingsOf(...prefixesOf(address))
    const bindings = new BindingIndex(told, {
      tenant,
      clockToleranceMs: identity["clock-tolerance"],
      ...namedDevices(store, tenant, told),
    })
    const { device_id, attribution } = bindings.resolve({ realm: site, address, at })
    if (device_id === null || attribution !== "bound") return nobody
    const device = store.device(tenant, device_id)
    return {
      device_id,
      device_groups: device?.groups ?? [],
      device_personal: device?.ownership === "personal",
    }
  }
}

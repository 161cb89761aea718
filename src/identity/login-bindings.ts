/**
 * Bindings that follow from proxy logins: the user of a connection has exactly one device, so its
 * address is that device's for a while. Comes in: connections as they are recorded; goes out: binding
 * records with the source `proxy-user`. It must not know what other sources say of the address.
 */
import { createHash } from "node:crypto"
import type { Binding } from "../record/binding.ts"
import { canonicalAddress } from "./address-key.ts"
import type { Fact } from "./connection-names.ts"
import type { DeviceIndex } from "./devices.ts"

/** Below what the other sources of people and machines are given: an account may be lent. */
const confidence = 0.6
/** Intervals remembered to be extended, 200 bytes each; the oldest goes, and a new one begins. */
const most = 200_000

interface Interval {
  from: number
  to: number
}

export interface LoginSettings {
  tenant: string
  /** How long after a login the address is still the device's. */
  windowMs: number
}

/** Owned state: the last interval of each address and device. */
export class LoginBindings {
  readonly #settings: LoginSettings
  readonly #last = new Map<string, Interval>()

  constructor(settings: LoginSettings) {
    this.#settings = settings
  }

  /**
   * New bindings, and longer ones of before: a binding is stated again when half of its time is
   * over, not with each connection. The same facts give the same records, ids included.
   */
  of(facts: readonly Fact[], devices: Pick<DeviceIndex, "ofUser">): Binding[] {
    const logins = facts.filter(
      ({ tenant, proxy_user }) => proxy_user !== null && tenant === this.#settings.tenant,
    )
    return logins
      .sort((a, b) => (a.observed_at < b.observed_at ? -1 : 1))
      .flatMap((fact) => this.#binding(fact, devices) ?? [])
  }

  #binding(fact: Fact, devices: Pick<DeviceIndex, "ofUser">): Binding | null {
    const deviceId = fact.proxy_user === null ? null : devices.ofUser(fact.proxy_user)
    if (deviceId === null) return null
    const address = canonicalAddress(fact.client_ip)
    const at = Date.parse(fact.observed_at)
    const interval = this.#extended(JSON.stringify([fact.site, address, deviceId]), at)
    return interval && bindingOf(fact, address, deviceId, interval)
  }

  /** Null where the address is bound for long enough already. */
  #extended(key: string, at: number): Interval | null {
    const { windowMs } = this.#settings
    const last = this.#last.get(key)
    // One that was recorded late is bound by itself.
    if (last && at < last.from) return { from: at, to: Math.min(at + windowMs, last.from) }
    if (last && last.to - at >= windowMs / 2) return null
    const interval = { from: last && at <= last.to ? last.from : at, to: at + windowMs }
    this.#last.delete(key)
    this.#last.set(key, interval)
    if (this.#last.size > most) {
      const [oldest] = this.#last.keys()
      if (oldest !== undefined) this.#last.delete(oldest)
    }
    return interval
  }
}

function bindingOf(
  { tenant, site, sensor_id, observed_at }: Fact,
  address: string,
  device_id: string,
  { from, to }: Interval,
): Binding {
  const parts = JSON.stringify([tenant, site, address, device_id, from, to])
  return {
    tenant,
    site,
    sensor_id,
    v: 1,
    id: `login-${createHash("sha256").update(parts).digest("hex").slice(0, 32)}`,
    observed_at,
    realm: null,
    address,
    valid_from: new Date(from).toISOString(),
    valid_to: new Date(to).toISOString(),
    device_id,
    source: "proxy-user",
    confidence,
    shared: false,
    names: null,
    flags: [],
  }
}

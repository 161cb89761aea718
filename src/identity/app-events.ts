/**
 * App events by what they can be recognised by, for each device.
 *
 * In: app events of one tenant, in any order and however late. Out: the events that may tell of one
 * connection, and how surely. It must not know when an event arrived: only its own time counts.
 */
import type { AppEvent } from "../record/app-event.ts"
import { canonicalHost } from "../record/host-pattern.ts"
import { canonicalAddress } from "./address-key.ts"
import type { ConnectionNames } from "./connection-names.ts"
import type { DeviceIndex } from "./devices.ts"
import { type JoinSettings, joinDefaults } from "./settings.ts"
import { countBefore } from "./sorted-times.ts"

/** How an event was recognised, surest first. `source-port` names this very socket; `destination`
 * one like it at that time; `lookup` an app that asked for the name; `time` only that an app
 * connected to the proxy then. */
export const eventMatches = ["source-port", "destination", "lookup", "time"] as const
export type EventMatch = (typeof eventMatches)[number]

export interface EventSettings
  extends Partial<Pick<JoinSettings, "connectToleranceMs" | "lookupBeforeMs" | "proxyAddresses">> {
  tenant: string
  /** Events kept of one device; the oldest are dropped. */
  limitPerDevice?: number
}

interface Timed {
  times: number[]
  events: AppEvent[]
}

export class AppEventIndex {
  readonly tenant: string
  /** Events that name no device we know, or contradict themselves: the reason, and how many. */
  readonly unplaced = new Map<string, number>()
  /** Key: device and what is matched. Bounded by `limitPerDevice`: an event has at most 3 keys. */
  readonly #byKey = new Map<string, Timed>()
  readonly #ofDevice = new Map<string, AppEvent[]>()
  readonly #toleranceMs: number
  readonly #lookupBeforeMs: number
  readonly #proxies: ReadonlySet<string>

  constructor(events: Iterable<AppEvent>, devices: DeviceIndex, settings: EventSettings) {
    this.tenant = settings.tenant
    this.#toleranceMs = settings.connectToleranceMs ?? joinDefaults.connectToleranceMs
    this.#lookupBeforeMs = settings.lookupBeforeMs ?? joinDefaults.lookupBeforeMs
    this.#proxies = new Set(
      (settings.proxyAddresses ?? joinDefaults.proxyAddresses).map(canonicalEnd),
    )
    const gathered = this.#gather(events, devices)
    for (const [deviceId, given] of gathered) {
      const kept = given.sort(byTime).slice(-(settings.limitPerDevice ?? 50_000))
      this.#ofDevice.set(deviceId, kept)
      for (const event of kept)
        for (const key of this.#keysOf(event)) this.#put(deviceId, key, event)
    }
  }

  /** All kept events of a device, oldest first. */
  of(deviceId: string): AppEvent[] {
    return this.#ofDevice.get(deviceId) ?? []
  }

  /** The events that may tell of the connection, by the surest way in which any is recognised. */
  telling(deviceId: string, names: ConnectionNames): { by: EventMatch; events: AppEvent[] } | null {
    if (!this.#ofDevice.has(deviceId)) return null
    for (const by of eventMatches) {
      const events = this.#recognised(by, deviceId, names)
      if (events.length > 0) return { by, events }
    }
    return null
  }

  #recognised(by: EventMatch, deviceId: string, names: ConnectionNames): AppEvent[] {
    switch (by) {
      case "source-port":
        return this.#near(deviceId, [`s ${names.clientPort}`], names.at).filter((event) =>
          this.#mayReach(event, names),
        )
      case "destination":
        return this.#near(
          deviceId,
          [
            ...names.hosts.map((host) => `h ${host}`),
            ...names.addresses.map((address) => `a ${address} ${names.port}`),
          ],
          names.at,
        ).filter((event) => !namesOther(event, names))
      case "lookup":
        return this.#near(
          deviceId,
          names.hosts.map((host) => `d ${host}`),
          names.at,
          this.#lookupBeforeMs,
        )
      case "time":
        return names.explicit ? this.#near(deviceId, ["p"], names.at) : []
    }
  }

  /** Whether an event with our client port is of this connection: it names the destination, or the
   * proxy, or nothing. Through a proxy whose address we were not told, any address may be the
   * proxy's. */
  #mayReach(event: AppEvent, names: ConnectionNames): boolean {
    const { host, ip } = event.dest ?? { host: null, ip: null }
    if (names.explicit && this.#namesProxy(event)) return true
    if (namesOther(event, names)) return false
    if (host && names.hosts.includes(canonicalEnd(host))) return true
    if (ip === null || names.addresses.includes(canonicalAddress(ip))) return true
    return names.explicit && this.#proxies.size === 0
  }

  #namesProxy(event: AppEvent): boolean {
    const { host, ip } = event.dest ?? {}
    return [host, ip].some((end) => end != null && this.#proxies.has(canonicalEnd(end)))
  }

  #near(deviceId: string, keys: readonly string[], at: number, beforeMs?: number): AppEvent[] {
    const found = new Set<AppEvent>()
    for (const key of keys) {
      const timed = this.#byKey.get(`${deviceId}\n${key}`)
      if (!timed) continue
      const from = at - (beforeMs ?? this.#toleranceMs)
      for (let i = countBefore(timed.times, from); i < timed.times.length; i++) {
        if ((timed.times[i] as number) > at + this.#toleranceMs) break
        found.add(timed.events[i] as AppEvent)
      }
    }
    return [...found]
  }

  #keysOf(event: AppEvent): string[] {
    const { dest } = event
    if (!dest || event.app.id === null) return []
    const host = dest.host === null ? null : canonicalEnd(dest.host)
    if (event.type === "dns_lookup") return host === null ? [] : [`d ${host}`]
    const connects = event.type === "network_connect"
    if (!connects && !isRuntimeTrust(event)) return []
    const keys: string[] = []
    if (dest.src_port !== null) keys.push(`s ${dest.src_port}`)
    if (this.#namesProxy(event)) return dest.src_port === null && connects ? [...keys, "p"] : keys
    if (host !== null) keys.push(`h ${host}`)
    if (dest.ip !== null && dest.port !== null)
      keys.push(`a ${canonicalAddress(dest.ip)} ${dest.port}`)
    return keys
  }

  #gather(events: Iterable<AppEvent>, devices: DeviceIndex): Map<string, AppEvent[]> {
    const gathered = new Map<string, AppEvent[]>()
    const seen = new Set<string>()
    for (const event of events) {
      const key = `${event.source}\n${event.event_id}`
      if (event.tenant !== this.tenant || seen.has(key)) continue
      seen.add(key)
      const { device_id, because } = devices.find(event.device)
      if (device_id === null) this.#countUnplaced(because)
      else {
        const known = gathered.get(device_id)
        if (known) known.push(event)
        else gathered.set(device_id, [event])
      }
    }
    return gathered
  }

  /** At most 100 different reasons are kept; the others are counted as one. */
  #countUnplaced(because: string): void {
    const reason = this.unplaced.size < 100 || this.unplaced.has(because) ? because : "others"
    this.unplaced.set(reason, (this.unplaced.get(reason) ?? 0) + 1)
  }

  #put(deviceId: string, key: string, event: AppEvent): void {
    const full = `${deviceId}\n${key}`
    const timed = this.#byKey.get(full) ?? { times: [], events: [] }
    this.#byKey.set(full, timed)
    timed.times.push(Date.parse(event.observed_at))
    timed.events.push(event)
  }
}

/** A standing fact of an app version happened at no time, so it tells of no connection. */
function isRuntimeTrust(event: AppEvent): boolean {
  return event.type === "tls_trust_customization" && event.trust?.evidence !== "static"
}

/** Whether the event names a host or port that this connection does not have. Other addresses do
 * not contradict a name: client and sensor may resolve it differently. */
function namesOther(event: AppEvent, names: ConnectionNames): boolean {
  const { host, port } = event.dest ?? { host: null, port: null }
  if (port !== null && port !== names.port && !(names.explicit && host === null)) return true
  if (host === null) return false
  const end = canonicalEnd(host)
  if (names.addresses.includes(end)) return false
  return names.hosts.length > 0 && !names.hosts.includes(end)
}

function canonicalEnd(text: string): string {
  return canonicalHost(text) ?? canonicalAddress(text)
}

function byTime(a: AppEvent, b: AppEvent): number {
  if (a.observed_at !== b.observed_at) return a.observed_at < b.observed_at ? -1 : 1
  return a.id < b.id ? -1 : 1
}

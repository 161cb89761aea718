/**
 * Which devices must be judged again. Most connections are acceptances of devices that never
 * refused: they change no judgement and cost one look-up. In: news. Out: devices, and where to look.
 */
import type { FleetMemory } from "../../analytics/fleet-memory.ts"
import type { News } from "../../evidence/follower.ts"
import { AppEventIndex } from "../../identity/app-events.ts"
import type { Inventory } from "../../identity/inventory.ts"
import { attribute, type Indexes } from "../../identity/join.ts"
import type { JoinSettings } from "../../identity/settings.ts"
import type { AppEvent } from "../../record/app-event.ts"
import type { Attempt } from "../../record/attempt.ts"
import type { Attributed } from "../../record/attributed.ts"
import type { Flow } from "../../record/flow.ts"

/** Clients and devices remembered, some 200 bytes each; the one untouched longest goes, and comes
 * back with its next refusal. */
const most = 200_000

/** A device rests for so many times as long as judging it took: 5 % of a core at most. */
const restFactor = 20

/** Refused at some time; or spliced, which judgements about refusals need. */
const isTelling = (fact: Attempt | Flow) => !("outcome" in fact) || fact.strength !== null

export class Suspects {
  /** Client addresses that refused or were spliced, and the time of their newest record. */
  readonly #clients = new Map<string, number>()
  /** Where each device was seen, and the time of its newest record. */
  readonly #seen = new Map<string, { addresses: Set<string>; latest: number }>()
  /** Devices to judge. A set, so that a device with many news waits once. */
  readonly #due = new Set<string>()
  readonly #restUntil = new Map<string, number>()

  get due(): number {
    return this.#due.size
  }

  /** `fleet` learns from every connection, suspect or not. */
  take(
    news: Pick<News, "attempts" | "flows" | "app_events">,
    at: {
      inventory: Inventory
      fleet: FleetMemory
      settings: JoinSettings
      events: readonly AppEvent[]
    },
  ): void {
    const { inventory, fleet, settings } = at
    const { bindings, devices, apps } = inventory
    const events = new AppEventIndex(at.events, devices, { ...settings, tenant: bindings.tenant })
    const indexes: Indexes = { bindings, devices, apps, events }
    for (const fact of news.attempts) fleet.noteAttempt(this.#connection(fact, indexes))
    for (const fact of news.flows) fleet.noteFlow(this.#connection(fact, indexes))
    for (const event of news.app_events) {
      const { device_id } = devices.find(event.device)
      if (device_id !== null && this.#seen.has(device_id)) this.#due.add(device_id)
    }
  }

  #connection<Fact extends Attempt | Flow>(fact: Fact, indexes: Indexes): Attributed<Fact> {
    const who = attribute(fact, indexes)
    const at = Date.parse(fact.observed_at)
    const before = this.#clients.get(fact.client_ip)
    this.#see(who.device_id, fact.client_ip, at)
    if (before !== undefined || isTelling(fact)) {
      this.#clients.delete(fact.client_ip)
      this.#clients.set(fact.client_ip, Math.max(before ?? at, at))
      this.#due.add(who.device_id)
    }
    if (this.#clients.size > most) forgetOldest(this.#clients)
    return { fact, who }
  }

  #see(deviceId: string, address: string, at: number): void {
    const seen = this.#seen.get(deviceId) ?? { addresses: new Set(), latest: at }
    seen.addresses.add(address)
    seen.latest = Math.max(seen.latest, at)
    this.#seen.delete(deviceId)
    this.#seen.set(deviceId, seen)
    if (this.#seen.size > most) forgetOldest(this.#seen)
  }

  /** Bindings or postures changed: whoever may stand behind a suspect address is judged again. */
  inventoryChanged(inventory: Inventory): void {
    for (const [client, latest] of this.#clients)
      for (const device of inventory.devicesBehind(client)) {
        this.#see(device, client, latest)
        this.#due.add(device)
      }
  }

  /** At most `limit` devices to judge now (epoch milliseconds), with where and when to look. */
  next(
    limit: number,
    now: number,
  ): { device_id: string; addresses: readonly string[]; latest: number }[] {
    const devices: { device_id: string; addresses: readonly string[]; latest: number }[] = []
    for (const device_id of this.#due) {
      if (devices.length === limit) break
      if ((this.#restUntil.get(device_id) ?? 0) > now) continue
      const seen = this.#seen.get(device_id)
      this.#due.delete(device_id)
      this.#restUntil.delete(device_id)
      if (seen) devices.push({ device_id, addresses: [...seen.addresses], latest: seen.latest })
    }
    return devices
  }

  /** What judging these devices cost, in milliseconds: a device with much evidence that never stops
   * coming is judged less often, so that all of judging stays a small part of one core. */
  judged(devices: readonly { device_id: string }[], costMs: number, now: number): void {
    const rest = (costMs / Math.max(1, devices.length)) * restFactor
    for (const { device_id } of devices) this.#restUntil.set(device_id, now + rest)
    if (this.#restUntil.size <= most) return
    const [oldest] = this.#restUntil.keys()
    if (oldest !== undefined) this.#restUntil.delete(oldest)
  }

  /** They could not be judged, and wait again. */
  putBack(devices: readonly { device_id: string }[]): void {
    for (const { device_id } of devices) this.#due.add(device_id)
  }
}

function forgetOldest(memory: Map<string, unknown>): void {
  const [oldest] = memory.keys()
  if (oldest !== undefined) memory.delete(oldest)
}

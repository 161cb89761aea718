/**
 * Which devices must be judged again. Most connections are acceptances of devices that never
 * refused: they change no judgement and cost one look-up. In: news. Out: devices, and where to look.
 */
import { AppEventIndex } from "../../identity/app-events.ts"
import type { Inventory } from "../../identity/inventory.ts"
import { attribute, type Indexes } from "../../identity/join.ts"
import type { JoinSettings } from "../../identity/settings.ts"
import type { AppEvent } from "../../record/app-event.ts"
import type { Attempt } from "../../record/attempt.ts"
import type { Attributed } from "../../record/attributed.ts"
import type { Flow } from "../../record/flow.ts"
import { AheadFlows } from "./ahead-flows.ts"
import type { Concerned } from "./inventory-memory.ts"

/** Clients and devices remembered, of either so many: 90 bytes a client, 350 a device that was seen at one
 * address, 90 one that rests. The one untouched longest goes, and comes back with its next refusal. */
const most = 200_000
/** Addresses remembered of one device; the one untouched longest goes. A phone has a handful of
 * IPv6 addresses a day. */
const mostAddresses = 64

/** A device rests so many times as long as judging it took: a tenth of a core at most, and a device with the most
 * records that are looked at waits half a second. What had to be read of it comes only once. Below the
 * shortest rest, in milliseconds, it is not worth it. */
const restFactor = 10
const restFactorOfReading = 3
const shortestRest = 100
/** Devices that rest share a fifth of a core, however many they are. */
const restShare = 5

/** Splices that are our own decision: they tell something only of who refused before. */
const ownDecision: ReadonlySet<string | null> = new Set([
  "operator",
  "platform",
  "private",
  "overload",
])

/** Refused at some time; or spliced, or seen around us, which judgements about refusals need. */
function isTelling(fact: Attempt | Flow): boolean {
  if ("outcome" in fact) return fact.strength !== null
  return fact.source !== "sensor" || fact.control || !ownDecision.has(fact.splice_cause)
}

export interface Facts {
  attempts: readonly Attempt[]
  flows: readonly Flow[]
  app_events: readonly AppEvent[]
}

/** What learning needs, and who learns from every connection, suspect or not. */
export interface Lesson {
  inventory: Inventory
  settings: JoinSettings
  /** App events around the facts. */
  events: readonly AppEvent[]
  /** The facts were judged before; the devices they concern can wait. */
  old: boolean
  attempt: (attempt: Attributed<Attempt>) => void
  flow: (flow: Attributed<Flow>) => void
  /** Told of each app event of a device that is known. */
  event?: (deviceId: string, event: AppEvent) => void
  /** Told of each device that is to be judged for a fact, and when that was in epoch milliseconds. */
  concerned?: (deviceId: string, at: number) => void
  /** Where and when a device was seen last that is not remembered; null: nowhere but with this record. */
  lastSeen?: (deviceId: string, at: number) => { addresses: string[]; latest: number } | null
  /** Told of a record that cannot be used; the others are. */
  unusable: (id: string, error: unknown) => void
}

/** What is stored beside what is remembered. */
export interface Stored {
  /** The time of the newest record that is a device's own at these addresses, and at those that were bound to it. */
  lastSeen(deviceId: string, addresses: Iterable<string>): number | null
  /** There is something of an address, from when on it may be somebody else's, that is not remembered. */
  isForgotten(address: string): boolean
}

/** A device to judge, with the addresses and the time to look at. */
export interface Suspect {
  device_id: string
  addresses: readonly string[]
  latest: number
}

export class Suspects {
  readonly #ahead: AheadFlows
  /** Client addresses that refused or were spliced, and the time of their newest record. */
  readonly #clients = new Map<string, number>()
  /** Where each device was seen, and the time of its newest record. */
  readonly #seen = new Map<string, { addresses: Set<string>; latest: number }>()
  /** Devices whose newest record may be another now, and an address that was bound anew; they are looked up when they are
   * asked for. As many as are seen, 100 bytes each. */
  readonly #unsure = new Map<string, { client: string; stored: Stored }>()
  /** Devices with open findings at the start: at most as many as there are findings in memory. */
  readonly #watched = new Set<string>()
  /** Devices to judge for their news, and those that only might be judged otherwise now. Sets, so
   * that a device with many news waits once. */
  readonly #due = new Set<string>()
  readonly #later = new Set<string>()
  /** Until when a device rests, in epoch milliseconds. */
  readonly #restUntil = new Map<string, number>()

  /** `newest`: time of the newest record of a sensor's own that is known to be stored, in epoch milliseconds. */
  constructor(newest: number | null = null) {
    this.#ahead = new AheadFlows(newest)
  }

  /** A record that is no device's newest, because its time has not come (ahead-flows.ts). */
  isAhead(fact: Attempt | Flow): boolean {
    return this.#ahead.isAhead(fact)
  }

  /** `suspects`: addresses that refused or were spliced; `waiting`: devices to judge, be it that they rest. */
  get counts(): { devices: number; suspects: number; waiting: number; resting: number } {
    return {
      devices: this.#seen.size,
      suspects: this.#clients.size,
      waiting: this.#due.size + this.#later.size,
      resting: this.#restUntil.size,
    }
  }

  /** Where a device was seen, and the time of its newest record. */
  seenOf(deviceId: string): { addresses: readonly string[]; latest: number } | null {
    const seen = this.#sure(deviceId)
    return seen ? { addresses: [...seen.addresses], latest: seen.latest } : null
  }

  /** It refused or was spliced where it was seen, or something of it was open at the start. */
  isSuspectDevice(deviceId: string): boolean {
    return this.#isSuspect(deviceId)
  }

  /** Findings of these are open: each of their records concerns them. */
  watch(deviceIds: Iterable<string>): void {
    for (const deviceId of deviceIds) this.#watched.add(deviceId)
  }

  /** A device of which nothing was remembered, to be judged. */
  remember(deviceId: string, seen: { addresses: readonly string[]; latest: number }): void {
    for (const address of seen.addresses) this.#see(deviceId, address, seen.latest)
    this.#later.add(deviceId)
  }

  /** Learns from facts which devices they concern. */
  take(facts: Facts, lesson: Lesson): void {
    const due = lesson.old ? this.#later : this.#due
    const { inventory, settings, events, unusable } = lesson
    const { bindings, devices, apps } = inventory
    const eventIndex = new AppEventIndex(events, devices, { ...settings, tenant: bindings.tenant })
    const indexes: Indexes = { bindings, devices, apps, events: eventIndex }
    const each = <Fact extends { id: string }>(some: readonly Fact[], use: (f: Fact) => void) => {
      for (const fact of some) {
        try {
          use(fact)
        } catch (error) {
          unusable(fact.id, error)
        }
      }
    }
    each(facts.attempts, (fact) => lesson.attempt(this.#connection(fact, indexes, lesson)))
    each(facts.flows, (fact) => lesson.flow(this.#connection(fact, indexes, lesson)))
    each(this.#ahead.release(), (fact) => this.#connection(fact, indexes, lesson))
    each(facts.app_events, (event) => {
      const { device_id } = devices.find(event.device)
      if (device_id === null) return
      lesson.event?.(device_id, event)
      if (!this.#seen.has(device_id)) return
      due.add(device_id)
      lesson.concerned?.(device_id, Date.parse(event.observed_at))
    })
  }

  #connection<Fact extends Attempt | Flow>(
    fact: Fact,
    indexes: Indexes,
    { old, concerned, lastSeen }: Lesson,
  ): Attributed<Fact> {
    const who = attribute(fact, indexes)
    if (this.#ahead.holds(fact)) return { fact, who }
    const at = Date.parse(fact.observed_at)
    const before = this.#clients.get(fact.client_ip)
    const last = this.#seen.has(who.device_id) ? null : lastSeen?.(who.device_id, at)
    for (const address of last?.addresses ?? [])
      this.#see(who.device_id, address, last?.latest ?? at)
    this.#see(who.device_id, fact.client_ip, at)
    if (before !== undefined || isTelling(fact) || this.#isSuspect(who.device_id)) {
      this.#clients.delete(fact.client_ip)
      this.#clients.set(fact.client_ip, Math.max(before ?? at, at))
      const due = old ? this.#later : this.#due
      due.add(who.device_id)
      concerned?.(who.device_id, at)
    }
    if (this.#clients.size > most) forgetOldest(this.#clients)
    return { fact, who }
  }

  /** Known from another address, as a phone that moved. */
  #isSuspect(deviceId: string): boolean {
    if (this.#watched.has(deviceId)) return true
    for (const address of this.#seen.get(deviceId)?.addresses ?? [])
      if (this.#clients.has(address)) return true
    return false
  }

  #see(deviceId: string, address: string, at: number): void {
    const seen = this.#seen.get(deviceId) ?? { addresses: new Set(), latest: at }
    seen.addresses.delete(address)
    seen.addresses.add(address)
    if (seen.addresses.size > mostAddresses) forgetOldest(seen.addresses)
    seen.latest = Math.max(seen.latest, at)
    this.#seen.delete(deviceId)
    this.#seen.set(deviceId, seen)
    if (this.#seen.size > most) forgetOldest(this.#seen)
  }

  /** Who is who changed: suspects among those concerned are judged again, and whoever stands behind a suspect
   * address. Gives these. */
  inventoryChanged(inventory: Inventory, concerned: Concerned, stored: Stored): Set<string> {
    const again = new Set<string>()
    for (const address of concerned.addresses)
      for (const device of this.#behind(address, inventory, stored)) again.add(device)
    for (const device of concerned.all ? this.#seen.keys() : concerned.devices)
      if (this.#isSuspect(device)) this.#later.add(device)
    if (concerned.prefixHolders.size === 0) return again
    for (const client of this.#clients.keys()) {
      const holders = inventory.bindings.holders(client)
      if (holders.some((device) => concerned.prefixHolders.has(device)))
        this.#behind(client, inventory, stored)
    }
    return again
  }

  /** The newest record of an address may be of another device: to judge this one by its time would put what it did
   * out of the window. */
  #behind(client: string, inventory: Inventory, stored: Stored): string[] {
    const all = this.#clients.has(client) || stored.isForgotten(client)
    const behind = inventory.devicesBehind(client)
    for (const device of behind) this.#unsure.set(device, { client, stored })
    while (this.#unsure.size > most) forgetOldest(this.#unsure)
    const devices = behind.filter((device) => all || this.#isSuspect(device))
    for (const device of devices) if (this.#sure(device)) this.#later.add(device)
    return devices
  }

  /** Where a device was seen, if at all, and when by who is who now. */
  #sure(deviceId: string): { addresses: Set<string>; latest: number } | undefined {
    const unsure = this.#unsure.get(deviceId)
    if (!unsure) return this.#seen.get(deviceId)
    this.#unsure.delete(deviceId)
    const { client, stored } = unsure
    const addresses = this.#seen.get(deviceId)?.addresses ?? []
    const latest = stored.lastSeen(deviceId, new Set([...addresses, client]))
    if (latest !== null) this.#see(deviceId, client, latest)
    const seen = this.#seen.get(deviceId)
    if (seen && latest !== null) seen.latest = latest
    return seen
  }

  /** Devices that wait for nothing but their turn, at this time in epoch milliseconds. */
  ready(now: number): { due: number; later: number } {
    const awake = (waiting: Set<string>) =>
      [...waiting].filter((device) => !this.#rests(device, now)).length
    return { due: awake(this.#due), later: awake(this.#later) }
  }

  #rests(deviceId: string, now: number): boolean {
    return (this.#restUntil.get(deviceId) ?? 0) > now
  }

  /**
   * What judging these devices took, in milliseconds. A device with much evidence that never stops
   * coming rests before it is judged again, so that judging stays a small part of one core; it is
   * not forgotten, neither here nor by a restart, which judges all suspects anew.
   */
  judged(
    devices: readonly Suspect[],
    tookOf: (deviceId: string) => { judging: number; reading: number },
    now: number,
  ): void {
    const shared = restShare * this.#resting(now)
    for (const { device_id } of devices) {
      const { judging, reading } = tookOf(device_id)
      const rest =
        judging * Math.max(restFactor, shared) + reading * Math.max(restFactorOfReading, shared)
      this.#restUntil.delete(device_id)
      if (rest >= shortestRest) this.#restUntil.set(device_id, now + rest)
      if (this.#restUntil.size > most) forgetOldest(this.#restUntil)
    }
  }

  #resting(now: number): number {
    for (const [device, until] of this.#restUntil) if (until <= now) this.#restUntil.delete(device)
    return this.#restUntil.size
  }

  /** At most `limit` devices to judge now, those with news first. */
  next(limit: number, now: number): Suspect[] {
    const devices: Suspect[] = []
    for (const waiting of [this.#due, this.#later])
      for (const device_id of waiting) {
        if (devices.length === limit) return devices
        if (this.#rests(device_id, now)) continue
        const seen = this.#sure(device_id)
        this.#due.delete(device_id)
        this.#later.delete(device_id)
        if (seen) devices.push({ device_id, addresses: [...seen.addresses], latest: seen.latest })
      }
    return devices
  }

  /** They could not be judged, and wait again. */
  putBack(devices: readonly Suspect[]): void {
    for (const { device_id } of devices) this.#due.add(device_id)
  }

  /** They were judged, and may be judged otherwise now. */
  again(deviceIds: Iterable<string>): void {
    for (const deviceId of deviceIds) this.#later.add(deviceId)
  }
}

function forgetOldest(memory: Pick<Map<string, unknown>, "keys" | "delete">): void {
  const [oldest] = memory.keys()
  if (oldest !== undefined) memory.delete(oldest)
}

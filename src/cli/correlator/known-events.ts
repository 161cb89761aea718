/**
 * App events that the store has of devices and connections. In: a device, or connections as they come. Out:
 * the events that may be about them, without those that cannot be used.
 */
import { AppEventIndex } from "../../identity/app-events.ts"
import { joinSettings } from "../../identity/settings.ts"
import type { AppEvent } from "../../record/app-event.ts"
import type { Attempt } from "../../record/attempt.ts"
import type { Flow } from "../../record/flow.ts"
import { type EvidenceParts, eventReach, type Span } from "./evidence-parts.ts"

/** Events of one device that a judgement looks at; of more the newest, and it is told. */
export const mostEvents = 50_000
/** So many events of the whole fleet are read for some connections; where there are more, those of each
 * device by itself. */
const mostOfFleet = 2_000

/** Events that name a device, within a span of time, oldest first. */
export function ownEvents(parts: EvidenceParts, deviceId: string, { from, to }: Span): AppEvent[] {
  const { store, inventory, unusable } = parts
  const { devices } = inventory.current
  const names = { ...namesOf(parts, deviceId), device_id: deviceId }
  const found = store.appEventsNaming(names, from, to, mostEvents + 1)
  if (found.length > mostEvents) unusable.eventsLeftOut(deviceId, mostEvents)
  const usable = usableOf(parts, found.slice(-mostEvents))
  return usable.filter(({ device }) => devices.find(device).device_id === deviceId)
}

/** Events that may tell of these connections. */
export function eventsAround(parts: EvidenceParts, facts: readonly (Attempt | Flow)[]): AppEvent[] {
  const { before, after } = eventReach(parts.config)
  const { from, to } = spanOf(facts)
  if (from > to) return []
  const span = { from: from - before, to: to + after + 1 }
  const count = parts.store.appEventCount(span.from, span.to, mostOfFleet + 1)
  if (count === 0) return []
  if (count <= mostOfFleet) return usableOf(parts, parts.store.appEventsBetween(span.from, span.to))
  return [...Map.groupBy(facts, (fact) => deviceBehind(parts, fact))].flatMap(([device, own]) => {
    if (device === null) return []
    const { from, to } = spanOf(own)
    return ownEvents(parts, device, { from: from - before, to: to + after + 1 })
  })
}

function spanOf(facts: readonly (Attempt | Flow)[]): Span {
  const span = { from: Number.POSITIVE_INFINITY, to: Number.NEGATIVE_INFINITY }
  for (const { observed_at } of facts) {
    const at = Date.parse(observed_at)
    span.from = Math.min(span.from, at)
    span.to = Math.max(span.to, at)
  }
  return span
}

function namesOf({ inventory }: EvidenceParts, deviceId: string) {
  const device = inventory.current.devices.get(deviceId)
  return {
    mdm_id: device?.mdm_id ?? null,
    serial: device?.serial ?? null,
    udid: device?.udid ?? null,
    imei: device?.imei ?? null,
    wifi_mac: device?.wifi_mac ?? null,
    user: device?.user ?? null,
  }
}

/** Of several that claim the address, the one whose user logged in; nobody's events tell of the others. */
function deviceBehind({ inventory }: EvidenceParts, fact: Attempt | Flow): string | null {
  const { bindings, devices } = inventory.current
  const at = Date.parse(fact.observed_at)
  const choice = bindings.resolve({ realm: fact.site, address: fact.client_ip, at })
  if (choice.device_id !== null || fact.proxy_user === null) return choice.device_id
  return devices.ofUser(fact.proxy_user)
}

function usableOf(parts: EvidenceParts, given: readonly AppEvent[]): AppEvent[] {
  const { unusable } = parts
  const events = given.filter((event) => !unusable.has(event))
  try {
    index(parts, events)
    return events
  } catch {
    return events.filter((event) => {
      try {
        index(parts, [event])
        return true
      } catch (error) {
        unusable.record(event.id, error)
        return false
      }
    })
  }
}

function index({ config, inventory }: EvidenceParts, events: readonly AppEvent[]): void {
  const settings = { ...joinSettings(config.identity), tenant: config.tenant }
  new AppEventIndex(events, inventory.current.devices, settings)
}

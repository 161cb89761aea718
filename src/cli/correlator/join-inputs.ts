/**
 * What the store has of devices that are to be judged, live and in replay: their connections within
 * the window and the app events around these. Records that cannot be used are left out.
 */
import type { Config } from "../../config.ts"
import type { Store } from "../../evidence/store.ts"
import { AppEventIndex } from "../../identity/app-events.ts"
import type { Inventory } from "../../identity/inventory.ts"
import type { JoinInput } from "../../identity/join.ts"
import { joinSettings } from "../../identity/settings.ts"
import type { AppEvent } from "../../record/app-event.ts"
import type { Suspect } from "./suspects.ts"
import type { Unusable } from "./unusable.ts"

/** Records of one client that are looked at; the newest count. */
const mostRecords = 20_000

export interface EvidenceParts {
  store: Pick<Store, "attemptsOf" | "flowsOf" | "appEventsBetween">
  config: Config
  inventory: { readonly current: Inventory }
  unusable: Unusable
}

/** App events of a span of time, without those that cannot be used. */
export function usableEvents(parts: EvidenceParts, from: number, to: number): AppEvent[] {
  const { store, unusable } = parts
  const events = store.appEventsBetween(from, to).filter((event) => !unusable.has(event))
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

/** In the order of `due`, each made when it is asked for. App events are read once for all, for the
 * span of them all, and handed out by device. */
export function* joinInputs(
  parts: EvidenceParts,
  due: readonly Suspect[],
): Generator<JoinInput, void, undefined> {
  if (due.length === 0) return
  const { config, inventory } = parts
  const { devices } = inventory.current
  const until = due.reduce((most, { latest }) => Math.max(most, latest), Number.NEGATIVE_INFINITY)
  const since = due.reduce((least, { latest }) => Math.min(least, latest), until)
  const { window } = config.analytics.scope
  const to = until + 1 + config.identity["connect-tolerance"]
  const events = usableEvents(parts, since + 1 - window, to)
  const ofDevice = Map.groupBy(events, (event) => devices.find(event.device).device_id)
  for (const device of due) yield joinInput(parts, device, ofDevice.get(device.device_id) ?? [])
}

function joinInput(
  { store, config, inventory, unusable }: EvidenceParts,
  { device_id, addresses, latest }: Suspect,
  events: readonly AppEvent[],
): JoinInput {
  const to = latest + 1
  const from = to - config.analytics.scope.window
  const { bindings, devices, apps, addressesOf } = inventory.current
  const all = [...new Set([...addresses, ...addressesOf(device_id, from, to)])]
  const usable = (fact: { id: string }) => !unusable.has(fact)
  const within = ({ observed_at }: AppEvent) =>
    Date.parse(observed_at) >= from &&
    Date.parse(observed_at) < to + config.identity["connect-tolerance"]
  return {
    device_id,
    attempts: all.flatMap((ip) => store.attemptsOf(ip, from, to, mostRecords).filter(usable)),
    flows: all.flatMap((ip) => store.flowsOf(ip, from, to, mostRecords).filter(usable)),
    app_events: events.filter(within),
    bindings,
    devices,
    apps,
    settings: joinSettings(config.identity),
  }
}

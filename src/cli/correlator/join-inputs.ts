/**
 * What the store has of devices that are to be judged, live and in replay: their connections within
 * the window and the app events around these. Records that cannot be used are left out.
 */
import { listenersOf } from "../../config.ts"
import type { JoinInput } from "../../identity/join.ts"
import { ownSessionReach } from "../../identity/own-sessions.ts"
import { joinSettings } from "../../identity/settings.ts"
import { type EvidenceParts, eventReach, type Span } from "./evidence-parts.ts"
import { ownEvents } from "./known-events.ts"
import type { Suspect } from "./suspects.ts"

/** Attempts and flows of one device that are looked at, over all its addresses and before it is known whose they
 * are; the newest count. */
export const mostRecords = 20_000

/** In the order of `due`, each made when it is asked for. */
export function* joinInputs(
  parts: EvidenceParts,
  due: readonly Suspect[],
): Generator<JoinInput, void, undefined> {
  for (const device of due) {
    const to = device.latest + 1
    yield joinInput(parts, device, { from: to - parts.config.analytics.scope.window, to })
  }
}

/** What there is of a device in a span of time. */
export function joinInput(
  parts: EvidenceParts,
  { device_id, addresses }: Pick<Suspect, "device_id" | "addresses">,
  { from, to }: Span,
  most = mostRecords,
): JoinInput {
  const { store, config, inventory, unusable } = parts
  const { bindings, devices, apps, addressesOf } = inventory.current
  const all = [...new Set([...addresses, ...addressesOf(device_id, from, to)])]
  const usable = (fact: { id: string }) => !unusable.has(fact)
  const begin = Math.max(from, store.beginOfNewest(all, from, to, most))
  const { before, after } = eventReach(config)
  const connections = (since: number, until: number) => ({
    attempts: all.flatMap((ip) => store.attemptsOf(ip, since, until).filter(usable)),
    flows: all.flatMap((ip) => store.flowsOf(ip, since, until).filter(usable)),
  })
  const found = connections(begin, to)
  const reach = ownSessionReach(config.identity["flow-skew"])
  const until = Math.min(to + reach.after, Number.MAX_SAFE_INTEGER)
  const isImported = found.flows.some(({ source }) => source !== "sensor")
  return {
    device_id,
    ...found,
    ...(isImported && { around: connections(Math.max(0, begin - reach.before), until) }),
    app_events: ownEvents(parts, device_id, { from: from - before, to: to + after }),
    bindings,
    devices,
    apps,
    settings: joinSettings(
      config.identity,
      listenersOf(config).map(({ listen }) => listen),
    ),
  }
}

/**
 * Teaches the memory of the fleet from stored attempts, by who is who now: the past that was not recalled, and what
 * was learned before the lease or the app event came that tells whose it is. In: whose attribution may be another
 * now. Out: nothing; the memory knows whom it told otherwise.
 */
import type { FleetMemory } from "../../analytics/fleet-memory.ts"
import type { Store } from "../../evidence/store.ts"
import { joinSettings } from "../../identity/settings.ts"
import type { AppEvent } from "../../record/app-event.ts"
import type { Attempt } from "../../record/attempt.ts"
import { type EvidenceParts, eventReach, merged, type Span } from "./evidence-parts.ts"
import { eventsAround } from "./known-events.ts"
import { inBatches } from "./recall.ts"
import { Suspects } from "./suspects.ts"

/** Addresses that wait; of more it stays as it was learned until the next start. */
const mostAddresses = 50_000
/** Attempts of one address read again, the newest; and of all in one pass, before another address is begun. */
const mostOfAddress = 20_000
const atOnce = 2_000

export interface TeacherParts extends EvidenceParts {
  store: EvidenceParts["store"] & Pick<Store, "inTime">
  fleet: FleetMemory
}

export class FleetTeacher {
  readonly #parts: TeacherParts
  /** From when on each address may be somebody else's, in epoch milliseconds. */
  readonly #addresses = new Map<string, number>()
  /** When events came that tell of connections, for each device: at most one for each event of the news. */
  readonly #told = new Map<string, Span[]>()

  constructor(parts: TeacherParts) {
    this.#parts = parts
  }

  addressChanged(address: string, since: number): void {
    const before = this.#addresses.get(address)
    if (before === undefined && this.#addresses.size >= mostAddresses) return
    this.#addresses.set(address, Math.min(since, before ?? since))
  }

  /** Connections around it may be known as an app's now. */
  eventCame(deviceId: string, { app, dest, observed_at }: AppEvent): void {
    if (dest === null || app.id === null) return
    const { before, after } = eventReach(this.#parts.config)
    const at = Date.parse(observed_at)
    const spans = this.#told.get(deviceId) ?? []
    spans.push({ from: at - after, to: at + before + 1 })
    this.#told.set(deviceId, spans)
  }

  /** True while more addresses wait. */
  step(addressesOf: (deviceId: string) => Iterable<string>): boolean {
    const { store, inventory } = this.#parts
    for (const [device, spans] of this.#told) {
      for (const { from, to } of merged(spans)) {
        const bound = inventory.current.addressesOf(device, from, to)
        const addresses = new Set([...addressesOf(device), ...bound])
        this.#teach([...addresses].flatMap((ip) => store.attemptsOf(ip, from, to, mostOfAddress)))
      }
    }
    this.#told.clear()
    let read = 0
    for (const [address, since] of this.#addresses) {
      if (read >= atOnce) return true
      this.#addresses.delete(address)
      const to = Number.MAX_SAFE_INTEGER
      const attempts = store.attemptsOf(address, since, to, mostOfAddress)
      this.#teach(attempts)
      read += attempts.length + 1
    }
    return false
  }

  /** What was not learned yet. */
  *teachPast({ from, to }: Span): Generator<void> {
    for (const attempts of inBatches(this.#parts.store.inTime("attempts", from, to))) {
      this.#teach(attempts)
      yield
    }
  }

  #teach(attempts: Attempt[]): void {
    if (attempts.length === 0) return
    const { config, inventory, fleet, unusable } = this.#parts
    new Suspects(Number.POSITIVE_INFINITY).take(
      { attempts, flows: [], app_events: [] },
      {
        inventory: inventory.current,
        settings: joinSettings(config.identity),
        events: eventsAround(this.#parts, attempts),
        old: true,
        attempt: (attempt) => {
          if (attempt.fact.tenant === config.tenant) fleet.noteAttempt(attempt)
        },
        flow: () => {},
        unusable: (id, error) => unusable.record(id, error),
      },
    )
  }
}

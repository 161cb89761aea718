/**
 * What other devices showed, kept while the correlator runs. In: attributed attempts and flows. Out:
 * acceptances elsewhere and baselines, always without the device that is being judged.
 */
import type { Attempt } from "../record/attempt.ts"
import type { Attributed, LookUp } from "../record/attributed.ts"
import type { Flow } from "../record/flow.ts"
import { destinationOf } from "./destination.ts"
import { baselineKey, elsewhereKey, stackBaselineKey } from "./fleet-keys.ts"

/** Keys remembered of either sort; the one untouched longest goes. A key of one device takes some 400
 * bytes, one that the whole fleet shares 2 KiB. */
const mostKeys = 100_000
/** Devices of one key that are counted: no threshold asks for more. */
const mostSeen = 32
/** Devices of one key, and ids of one device, whose acceptances are told: one speaks already. */
const mostAccepting = 8
const mostIds = 3

/** Owned state: for each key, which devices showed it; of acceptances also by which records. */
export class FleetMemory {
  readonly #accepted = new Map<string, Map<string, string[]>>()
  readonly #seen = new Map<string, Set<string>>()

  noteAttempt({ fact, who }: Attributed<Attempt>): void {
    if (fact.stack !== null) this.#see(stackBaselineKey(fact.stack), who.device_id)
    if (who.app_id === null || who.app !== "observed") return
    // What is refused everywhere must not make itself a baseline.
    if (fact.outcome !== "accepted") return
    const destination = destinationOf(fact)
    this.#accept(elsewhereKey(who.app_id, who.app_version, destination), who.device_id, fact.id)
    this.#see(baselineKey(who.app_id, destination), who.device_id)
  }

  noteFlow({ fact, who }: Attributed<Flow>): void {
    if (who.app_id === null || who.app !== "observed" || fact.verdict !== "used") return
    // A trial splices what was refused: five trials would make a baseline of a pinned destination.
    if (fact.splice_cause === "trial") return
    this.#see(baselineKey(who.app_id, destinationOf(fact)), who.device_id)
  }

  /** Ids of acceptances by `elsewhereKey`, of all devices but this one. */
  acceptedElsewhere(deviceId: string): LookUp<string[]> {
    return {
      get: (key) => {
        const devices = this.#accepted.get(key)
        if (!devices) return undefined
        const ids = [...devices].flatMap(([device, ids]) => (device === deviceId ? [] : ids))
        return ids.length > 0 ? ids : undefined
      },
    }
  }

  /** How many devices showed a key, this one not counted. */
  baseline(deviceId: string): LookUp<number> {
    return {
      get: (key) => {
        const devices = this.#seen.get(key)
        return devices ? devices.size - (devices.has(deviceId) ? 1 : 0) : undefined
      },
    }
  }

  /** Keys that are remembered. */
  get size(): number {
    return this.#accepted.size + this.#seen.size
  }

  #see(key: string, device: string): void {
    const devices = this.#seen.get(key) ?? new Set<string>()
    if (devices.size < mostSeen) devices.add(device)
    keep(this.#seen, key, devices)
  }

  #accept(key: string, device: string, id: string): void {
    const devices = this.#accepted.get(key) ?? new Map<string, string[]>()
    const ids = devices.get(device)
    if (ids) {
      if (ids.length < mostIds) ids.push(id)
    } else if (devices.size < mostAccepting) devices.set(device, [id])
    keep(this.#accepted, key, devices)
  }
}

/** As the one touched last. */
function keep<Kept>(memory: Map<string, Kept>, key: string, kept: Kept): void {
  memory.delete(key)
  memory.set(key, kept)
  if (memory.size <= mostKeys) return
  const [oldest] = memory.keys()
  if (oldest !== undefined) memory.delete(oldest)
}

/**
 * What other devices showed, kept while the correlator runs. In: attributed attempts and flows. Out:
 * acceptances elsewhere and baselines, always without the device that is being judged.
 */
import type { Attempt } from "../record/attempt.ts"
import type { Attributed, LookUp } from "../record/attributed.ts"
import type { Flow } from "../record/flow.ts"
import { destinationOf } from "./destination.ts"
import { baselineKey, elsewhereKey, stackBaselineKey } from "./fleet-keys.ts"

/** Keys remembered (about 300 bytes each; the one untouched longest goes), devices of one key and
 * ids of one device: no threshold asks for more. */
const mostKeys = 200_000
const mostDevices = 32
const mostIds = 3

/** Owned state: for each key, which devices showed it by which records. */
export class FleetMemory {
  readonly #accepted = new Map<string, Map<string, string[]>>()
  readonly #seen = new Map<string, Map<string, string[]>>()

  noteAttempt({ fact, who }: Attributed<Attempt>): void {
    if (fact.stack !== null) note(this.#seen, stackBaselineKey(fact.stack), who.device_id, fact.id)
    if (who.app_id === null || who.app !== "observed") return
    // What is refused everywhere must not make itself a baseline.
    if (fact.outcome !== "accepted") return
    const destination = destinationOf(fact)
    const key = elsewhereKey(who.app_id, who.app_version, destination)
    note(this.#accepted, key, who.device_id, fact.id)
    note(this.#seen, baselineKey(who.app_id, destination), who.device_id, fact.id)
  }

  noteFlow({ fact, who }: Attributed<Flow>): void {
    if (who.app_id === null || who.app !== "observed" || fact.verdict !== "used") return
    // A trial splices what was refused: five trials would make a baseline of a pinned destination.
    if (fact.splice_cause === "trial") return
    note(this.#seen, baselineKey(who.app_id, destinationOf(fact)), who.device_id, fact.id)
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
}

function note(
  memory: Map<string, Map<string, string[]>>,
  key: string,
  device: string,
  id: string,
): void {
  const devices = memory.get(key) ?? new Map<string, string[]>()
  memory.delete(key)
  memory.set(key, devices)
  const ids = devices.get(device)
  if (ids) {
    if (ids.length < mostIds) ids.push(id)
  } else if (devices.size < mostDevices) devices.set(device, [id])
  if (memory.size <= mostKeys) return
  const [oldest] = memory.keys()
  if (oldest !== undefined) memory.delete(oldest)
}

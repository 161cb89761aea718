/** What MDM said of devices over time: the posture in force is the last one not after an instant. */
import type { Profile } from "../record/common.ts"
import type { Posture } from "../record/posture.ts"
import { countBefore } from "./sorted-times.ts"

/** Postures kept of one device: at one an hour, a month. The oldest are dropped, so evidence older
 * than that is judged without posture rather than with a later one. */
const kept = 750

interface History {
  /** Oldest first. */
  all: Posture[]
  /** Made when first asked for after a change. */
  byProfile: Map<Profile, { times: number[]; postures: Posture[] }> | null
}

export class PostureHistory {
  readonly #tenant: string
  /** Bounded by the devices that MDM speaks of, and by `kept` for each. */
  readonly #ofDevice = new Map<string, History>()

  constructor(postures: Iterable<Posture>, tenant: string) {
    this.#tenant = tenant
    for (const posture of postures) this.add(posture)
  }

  add(posture: Posture): void {
    if (posture.tenant !== this.#tenant) return
    const history = this.#ofDevice.get(posture.device_id) ?? { all: [], byProfile: null }
    this.#ofDevice.set(posture.device_id, history)
    const last = history.all.at(-1)
    history.all.push(posture)
    history.byProfile = null
    if (last && byTime(last, posture) > 0) history.all.sort(byTime)
    if (history.all.length > kept) history.all.shift()
  }

  /** All postures of a device that are kept, oldest first. */
  of(deviceId: string): Posture[] {
    return [...(this.#ofDevice.get(deviceId)?.all ?? [])]
  }

  /** One posture for each profile that MDM had spoken of by then. */
  inForce(deviceId: string, at: number): Posture[] {
    const history = this.#ofDevice.get(deviceId)
    if (!history) return []
    history.byProfile ??= splitByProfile(history.all)
    const found: Posture[] = []
    for (const { times, postures } of history.byProfile.values()) {
      const posture = postures[countBefore(times, at + 1) - 1]
      if (posture) found.push(posture)
    }
    return found
  }
}

function splitByProfile(all: readonly Posture[]): NonNullable<History["byProfile"]> {
  const byProfile: NonNullable<History["byProfile"]> = new Map()
  for (const posture of all) {
    const ofProfile = byProfile.get(posture.profile) ?? { times: [], postures: [] }
    byProfile.set(posture.profile, ofProfile)
    ofProfile.times.push(Date.parse(posture.observed_at))
    ofProfile.postures.push(posture)
  }
  return byProfile
}

function byTime(a: Posture, b: Posture): number {
  if (a.observed_at !== b.observed_at) return a.observed_at < b.observed_at ? -1 : 1
  return a.id < b.id ? -1 : 1
}

/**
 * What MDM said of devices over time: the posture in force is the last one not after an instant.
 *
 * Either all of it is given, or it is read of a device when that is first asked for, and forgotten of those
 * that were not asked for longest.
 */
import type { Profile } from "../record/common.ts"
import type { Posture } from "../record/posture.ts"
import { SharedApps } from "./shared-apps.ts"
import { countBefore } from "./sorted-times.ts"

/** Postures kept of one device: at one an hour, a month. The oldest are dropped, so evidence older
 * than that is judged without posture rather than with a later one. */
export const posturesKept = 750
/** Postures held where they can be read again, some 1.2 kB each with 50 apps. */
const held = 250_000
/** So few are looked through as they stand. */
const few = 8

/** The postures of a device, in any order: at least its newest `posturesKept`. */
export type PosturesOf = (deviceId: string) => Iterable<Posture>

interface History {
  /** Oldest first. */
  all: Posture[]
  /** Made when first asked for after a change, where there are many. */
  byProfile: Map<Profile, { times: number[]; postures: Posture[] }> | null
}

export class PostureHistory {
  readonly #tenant: string
  readonly #read: PosturesOf | null
  readonly #limit: number
  readonly #apps = new SharedApps()
  /** Bounded by the devices that MDM speaks of and `kept` for each; where they are read, by `held`, and
   * those that were asked for last stand last. */
  readonly #ofDevice = new Map<string, History>()
  /** Postures in it; a device without any counts as one. */
  #size = 0
  readonly #empties = new WeakSet<History>()

  constructor(postures: Iterable<Posture> | PosturesOf, tenant: string, limit = held) {
    this.#tenant = tenant
    this.#limit = limit
    this.#read = typeof postures === "function" ? postures : null
    if (typeof postures !== "function") for (const posture of postures) this.add(posture)
  }

  /** Of a device that is not held nothing is done: it is read when it is asked for. */
  add(posture: Posture): void {
    if (posture.tenant !== this.#tenant) return
    let history = this.#ofDevice.get(posture.device_id)
    if (!history) {
      if (this.#read) return
      history = { all: [], byProfile: null }
      this.#ofDevice.set(posture.device_id, history)
    }
    this.#learn(history, posture)
  }

  /** All postures of a device that are kept, oldest first. */
  of(deviceId: string): Posture[] {
    return [...(this.#historyOf(deviceId)?.all ?? [])]
  }

  /** One posture for each profile that MDM had spoken of by then. */
  inForce(deviceId: string, at: number): Posture[] {
    const history = this.#historyOf(deviceId)
    if (!history || history.all.length === 0) return []
    if (history.all.length <= few) return lastOfEach(history.all, at)
    history.byProfile ??= splitByProfile(history.all)
    const found: Posture[] = []
    for (const { times, postures } of history.byProfile.values()) {
      const posture = postures[countBefore(times, at + 1) - 1]
      if (posture) found.push(posture)
    }
    return found
  }

  #historyOf(deviceId: string): History | undefined {
    const known = this.#ofDevice.get(deviceId)
    if (!this.#read) return known
    if (known) this.#ofDevice.delete(deviceId)
    const history = known ?? this.#readHistory(this.#read(deviceId))
    this.#ofDevice.set(deviceId, history)
    if (!known) this.#makeRoom()
    return history
  }

  #readHistory(postures: Iterable<Posture>): History {
    const history: History = { all: [], byProfile: null }
    for (const posture of postures)
      if (posture.tenant === this.#tenant) this.#learn(history, posture)
    if (history.all.length === 0) {
      this.#empties.add(history)
      this.#size++
    }
    return history
  }

  #learn(history: History, posture: Posture): void {
    const last = history.all.at(-1)
    // What was read of the store may be told again by whoever follows it.
    if (this.#read && history.all.some(({ id }) => id === posture.id)) return
    history.byProfile = null
    // An empty one that is held counted as one already.
    if (last !== undefined || !this.#empties.delete(history)) this.#size++
    history.all.push({ ...posture, apps: this.#shared(posture, last) })
    if (last && byTime(last, posture) > 0) history.all.sort(byTime)
    if (history.all.length <= posturesKept) return
    history.all.shift()
    this.#size--
  }

  /** Most postures of a device name the same apps as the one before. */
  #shared({ apps }: Posture, before: Posture | undefined): Posture["apps"] {
    if (apps === null) return null
    const shared = this.#apps.share(apps)
    const same = before?.apps
    return same?.length === shared.length && same.every((app, index) => app === shared[index])
      ? same
      : shared
  }

  #makeRoom(): void {
    for (const [deviceId, { all }] of this.#ofDevice) {
      if (this.#size <= this.#limit || this.#ofDevice.size === 1) return
      this.#ofDevice.delete(deviceId)
      this.#size -= Math.max(1, all.length)
    }
  }
}

/** In the order in which MDM first spoke of each profile. */
function lastOfEach(all: readonly Posture[], at: number): Posture[] {
  const until = new Date(at).toISOString()
  const found: Posture[] = []
  for (const posture of all) {
    if (posture.observed_at > until) break
    const index = found.findIndex(({ profile }) => profile === posture.profile)
    if (index < 0) found.push(posture)
    else found[index] = posture
  }
  return found
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

/**
 * What other devices showed, kept while the correlator runs. In: attributed attempts in any order. Out:
 * acceptances elsewhere and devices of a stack as they were at a time, always without the device that is
 * being judged; and who must be asked again because something earlier was learned later.
 */
import type { Attempt } from "../record/attempt.ts"
import type { Attributed, LookUp } from "../record/attributed.ts"
import { destinationOf } from "./destination.ts"
import { FirstSeen } from "./first-seen.ts"
import { elsewhereKey, elsewhereStackKey, mostDevicesTold, stackBaselineKey } from "./fleet-keys.ts"

/** Keys remembered of either sort; the one untouched longest goes. A key of one device takes some 500
 * bytes, one that the whole fleet shares 4 KiB. */
const mostKeys = 100_000
/** Devices of one key that are counted, those that showed it first: no threshold asks for more. */
const mostSeen = mostDevicesTold + 1
/** Devices of one key whose first acceptance is told: one speaks already. */
const mostAccepting = 8
/** Devices that are remembered to have asked for one key; the one that asked longest ago goes, and is
 * judged anew with its next record. */
const mostAsking = 16

/** Owned state: for each key, since when which devices showed it; of acceptances also by which records. */
export class FleetMemory {
  /** What an acceptance says stands for the window in which it was, counted from 1970, and for the next. */
  readonly #windowMs: number
  readonly #accepted = new Map<string, FirstSeen>()
  /** Apart, or what browsers visit would push out what apps accept. */
  readonly #acceptedByStack = new Map<string, FirstSeen>()
  readonly #seen = new Map<string, FirstSeen>()
  /** For each key, the devices that asked, and up to when they wanted to know. */
  readonly #asked = new Map<string, Map<string, number>>()
  readonly #late = new Set<string>()
  /** Devices whose past may be told otherwise, and from when on: at most those that are remembered to have asked. */
  readonly #past = new Map<string, number>()

  /** `windowMs`: how much of the past one judgement looks at. */
  constructor(windowMs: number) {
    this.#windowMs = windowMs
  }

  noteAttempt({ fact, who }: Attributed<Attempt>): void {
    const at = Date.parse(fact.observed_at)
    if (fact.stack !== null) this.#see(stackBaselineKey(fact.stack), who.device_id, at, fact.id)
    if (fact.outcome !== "accepted") return
    const destination = destinationOf(fact)
    if (fact.stack !== null)
      this.#accept(
        this.#acceptedByStack,
        elsewhereStackKey(fact.stack, destination),
        who.device_id,
        at,
        fact.id,
      )
    if (who.app_id === null || who.app !== "observed") return
    const elsewhere = elsewhereKey(who.app_id, who.app_version, destination)
    this.#accept(this.#accepted, elsewhere, who.device_id, at, fact.id)
  }

  /** Ids of acceptances by `elsewhereKey` or `elsewhereStackKey` up to a time and within the window before
   * it (at most two), of all devices but this one, oldest first. */
  acceptedElsewhere(deviceId: string, now: number): LookUp<string[]> {
    return {
      get: (key) => {
        if (key === "") return undefined
        const windows = [this.#within(key, now - this.#windowMs), this.#within(key, now)]
        const ids = windows.flatMap((within) => {
          this.#ask(within, deviceId, now)
          const devices = this.#accepted.get(within) ?? this.#acceptedByStack.get(within)
          return devices?.idsUpTo(now, deviceId) ?? []
        })
        return ids.length > 0 ? ids : undefined
      },
    }
  }

  /** How many devices had shown a stack (`stackBaselineKey`) up to a time, this one not counted. */
  stackDevices(deviceId: string, now: number): LookUp<number> {
    return {
      get: (key) => {
        this.#ask(key, deviceId, now)
        return this.#seen.get(key)?.devicesUpTo(now, deviceId)
      },
    }
  }

  /** Devices that were told otherwise than they would be now, because what came since is older than
   * what they asked for; each once. */
  toldOtherwise(): string[] {
    const devices = [...this.#late]
    this.#late.clear()
    return devices
  }

  /** Devices that may have been told otherwise at some time than they would be now, and from when on, in epoch
   * milliseconds; each once. */
  pastToldOtherwise(): [device: string, at: number][] {
    const devices = [...this.#past]
    this.#past.clear()
    return devices
  }

  /** Keys that are remembered. */
  get size(): number {
    return this.#accepted.size + this.#acceptedByStack.size + this.#seen.size
  }

  #see(key: string, device: string, at: number, id: string): void {
    const devices = this.#seen.get(key) ?? new FirstSeen(mostSeen)
    this.#changed(key, device, at, devices.note(device, at, id))
    keep(this.#seen, key, devices)
  }

  #accept(
    accepted: Map<string, FirstSeen>,
    key: string,
    device: string,
    at: number,
    id: string,
  ): void {
    const within = this.#within(key, at)
    const devices = accepted.get(within) ?? new FirstSeen(mostAccepting)
    this.#changed(within, device, at, devices.note(device, at, id))
    keep(accepted, within, devices)
  }

  /** Fixed windows, so that what is told does not depend on the order in which it came. */
  #within(key: string, at: number): string {
    return `${key}|${Math.floor(at / Math.max(1, this.#windowMs))}`
  }

  #ask(key: string, device: string, now: number): void {
    if (key === "") return
    const asked = this.#asked.get(key) ?? new Map<string, number>()
    keep(asked, device, Math.max(now, asked.get(device) ?? now), mostAsking)
    keep(this.#asked, key, asked)
  }

  /** `before`: since when the device was known to show the key. */
  #changed(key: string, device: string, at: number, before: number): void {
    if (before <= at) return
    for (const [other, now] of this.#asked.get(key) ?? []) {
      if (other === device || at > now) continue
      this.#past.set(other, Math.min(at, this.#past.get(other) ?? at))
      if (now < before) this.#late.add(other)
    }
  }
}

/** As the one touched last. */
function keep<Kept>(memory: Map<string, Kept>, key: string, kept: Kept, most = mostKeys): void {
  memory.delete(key)
  memory.set(key, kept)
  if (memory.size <= most) return
  const [oldest] = memory.keys()
  if (oldest !== undefined) memory.delete(oldest)
}

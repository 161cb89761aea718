/**
 * What a sighting takes from the others of its device: the version of an app of which only one is known, and
 * the epoch of a flow that carries none. Both seldom change, so each sighting is given them as it comes, and
 * all are looked at again only where they did.
 */
import { cutNames, type Epoch, epochKey, epochs } from "./epoch.ts"
import { appOf, isObserved, type Sighting } from "./sighting.ts"

/** What a sighting is to be given. */
export type Given = Pick<Sighting, "version" | "epoch" | "cut">

/** Owned state, bounded by the evidence. */
export class LedgerCuts {
  readonly #cutOf = cutNames()
  /** App -> version -> sightings that tell it. */
  readonly #versions = new Map<string, Map<string, number>>()
  /** Epoch -> it, and sightings that carry it; and those that carry none. */
  readonly #epochs = new Map<string, { epoch: Epoch; count: number }>()
  #without = 0
  #stale = false

  add(sighting: Sighting): void {
    this.#count(sighting, 1)
    sighting.version = sighting.who.app_version ?? this.#onlyVersion(appOf(sighting))
    sighting.epoch = this.#epochOf(sighting)
    sighting.cut = this.#cutOf(sighting.epoch, sighting.who.device)
  }

  remove(sighting: Sighting): void {
    this.#count(sighting, -1)
  }

  /** Those of all sightings, oldest first, that must be given something else now. */
  settle(all: readonly Sighting[]): { sighting: Sighting; cut: Given }[] {
    const isMixed = this.#without > 0 && this.#epochs.size > 1
    if (!this.#stale && !isMixed) return []
    this.#stale = false
    const epochOf = epochs(all)
    return all.flatMap((sighting) => {
      const version = sighting.who.app_version ?? this.#onlyVersion(appOf(sighting))
      const epoch = epochOf(sighting)
      const cut = this.#cutOf(epoch, sighting.who.device)
      const isSame = version === sighting.version && cut === sighting.cut
      return isSame ? [] : [{ sighting, cut: { version, epoch, cut } }]
    })
  }

  #count(sighting: Sighting, by: 1 | -1): void {
    const { app_version } = sighting.who
    if (app_version !== null && isObserved(sighting)) this.#countVersion(sighting, app_version, by)
    const { fact } = sighting
    if (fact.issuing_ca === null) this.#without += by
    else this.#countEpoch(fact, by)
  }

  #countVersion(sighting: Sighting, version: string, by: 1 | -1): void {
    const app = appOf(sighting)
    const before = this.#onlyVersion(app)
    const versions = this.#versions.get(app) ?? new Map<string, number>()
    this.#versions.set(app, versions)
    const count = (versions.get(version) ?? 0) + by
    if (count > 0) versions.set(version, count)
    else versions.delete(version)
    if (versions.size === 0) this.#versions.delete(app)
    if (this.#onlyVersion(app) !== before) this.#stale = true
  }

  #countEpoch(epoch: Epoch, by: 1 | -1): void {
    const key = epochKey(epoch)
    const known = this.#epochs.get(key)
    if (!known) {
      this.#epochs.set(key, { epoch, count: by })
      this.#stale ||= this.#without > 0
    } else if (known.count + by > 0) known.count += by
    else {
      this.#epochs.delete(key)
      this.#stale ||= this.#without > 0
    }
  }

  #onlyVersion(app: string): string | null {
    const versions = this.#versions.get(app)
    if (versions?.size !== 1) return null
    const [only] = versions.keys()
    return only ?? null
  }

  /** Where there are several, `settle` finds the one that was in force. */
  #epochOf({ fact }: Sighting): Epoch {
    if (fact.issuing_ca !== null) return fact
    const [only] = this.#epochs.values()
    return only?.epoch ?? fact
  }
}

/**
 * Walks the past of devices again where facts came later than the window that the present looks at. In: whom a
 * fact concerns and when. Out: findings of the past as `replay` makes them, a device at a time and a look at
 * a time. It must not know who alerts: what is still open is news like any other, what is over is stored.
 */
import type { Store } from "../../evidence/store.ts"
import { canonicalAddress } from "../../identity/address-key.ts"
import { unbound } from "../../identity/inventory.ts"
import type { Log } from "../../intercept/log.ts"
import type { Finding } from "../../record/finding.ts"
import type { JudgedMemory } from "./judged-memory.ts"
import { type PastParts, walkPast } from "./past-walk.ts"
import type { Suspects } from "./suspects.ts"

/** Devices that wait, 100 bytes each and a row in the store; of more it is told that their past stays as it is. */
const mostWaiting = 20_000
/** A walk is broken off after so long, and rests so many times as long: a tenth of a core at most. */
const sliceMs = 100
const restFactor = 10

export interface RewalkParts extends Omit<PastParts, "store"> {
  store: PastParts["store"] & Pick<Store, "rewalks">
  suspects: Suspects
  memory: JudgedMemory
  log: Log
  clock: () => number
}

export class Rewalk {
  readonly #parts: RewalkParts
  /** The oldest time of what came of each device since the last commit: at most one for each record of the news. */
  readonly #touched = new Map<string, number>()
  /** Devices to walk, and from when on. */
  readonly #due = new Map<string, number>()
  /** Of those, what is not stored yet. */
  readonly #unstored = new Set<string>()
  #walk: { device_id: string; steps: Generator<void, Finding[]> } | null = null
  #found: { device_id: string; findings: Finding[] } | null = null
  #restUntil = Number.NEGATIVE_INFINITY
  #rewalked = 0
  #toldFull = false

  constructor(parts: RewalkParts) {
    this.#parts = parts
    for (const { device_id, since_ms } of parts.store.rewalks.all(mostWaiting))
      this.#due.set(device_id, since_ms)
  }

  /** `rewalking`: devices whose past waits to be judged again; `rewalked`: since the start. */
  get counts(): { rewalking: number; rewalked: number } {
    return { rewalking: this.#due.size + (this.#walk ? 1 : 0), rewalked: this.#rewalked }
  }

  /** A fact of this time may have others judge a device's past otherwise; `at` in epoch milliseconds. */
  concerned(deviceId: string, at: number): void {
    this.#touched.set(deviceId, Math.min(at, this.#touched.get(deviceId) ?? at))
  }

  /** All of the news is known: of what concerns the past alone, whom to walk. */
  learned(): void {
    const { scope } = this.#parts.config.analytics
    for (const [device, at] of this.#touched) {
      const latest = this.#latestOf(device, at)
      if (at > latest - scope.window) continue
      const since = Math.max(at, latest - scope["allowed-lateness"])
      this.#wait(device, Math.min(since, this.#due.get(device) ?? since))
    }
    this.#touched.clear()
  }

  /** The news come again. */
  rollBack(): void {
    this.#touched.clear()
  }

  /** To be called in the transaction that moves the cursor; returns what to do when it is committed. */
  store(): () => void {
    const rows = [...this.#unstored].flatMap((device_id) => {
      const since_ms = this.#due.get(device_id)
      return since_ms === undefined ? [] : { device_id, since_ms }
    })
    this.#parts.store.rewalks.put(rows)
    return () => this.#unstored.clear()
  }

  /** Walks for a moment; true while there is more to do at once. `now` in epoch milliseconds. */
  step(now: number): boolean {
    if (this.#found) return true
    // A clock that was set back must not make it wait.
    if (now < this.#restUntil && this.#restUntil - now <= restFactor * 10_000) return false
    const walk = this.#walk ?? this.#begin()
    if (!walk) return false
    const { clock } = this.#parts
    const began = clock()
    try {
      do {
        const { done, value } = walk.steps.next()
        if (done) this.#end(walk.device_id, value)
      } while (this.#walk && clock() - began < sliceMs)
    } catch (error) {
      this.#walk = null
      this.#wait(walk.device_id, this.#due.get(walk.device_id) ?? Number.NEGATIVE_INFINITY)
      throw error
    }
    this.#restUntil = clock() + restFactor * (clock() - began)
    return clock() >= this.#restUntil
  }

  /** What the last walk came to, to be stored; labels are laid over it. */
  findings(): Finding[] {
    return this.#found?.findings ?? []
  }

  /** After the commit. */
  stored(): void {
    if (!this.#found) return
    const { device_id } = this.#found
    if (!this.#due.has(device_id)) this.#parts.store.rewalks.done(device_id)
    this.#found = null
    this.#rewalked += 1
  }

  /** Of one that nothing is remembered of: the present is to be judged as well. */
  #latestOf(deviceId: string, at: number): number {
    const { suspects } = this.#parts
    const seen = suspects.seenOf(deviceId)
    if (seen) return seen.latest
    const last = this.lastSeen(deviceId, at)
    suspects.remember(deviceId, last)
    return last.latest
  }

  #wait(deviceId: string, since: number): void {
    if (this.#due.size >= mostWaiting && !this.#due.has(deviceId)) {
      if (!this.#toldFull) this.#parts.log("warn", "rewalks-left-out", { waiting: mostWaiting })
      this.#toldFull = true
      return
    }
    this.#due.set(deviceId, since)
    this.#unstored.add(deviceId)
  }

  #begin(): { device_id: string; steps: Generator<void, Finding[]> } | null {
    const [first] = this.#due
    if (!first) {
      this.#toldFull = false
      return null
    }
    const [device_id, since] = first
    this.#due.delete(device_id)
    const seen = this.#parts.suspects.seenOf(device_id) ?? this.lastSeen(device_id, since)
    this.#walk = { device_id, steps: walkPast(this.#parts, { device_id, ...seen, since }) }
    return this.#walk
  }

  /** Where a device is to be looked for of which the correlator remembers nothing, and until when. */
  lastSeen(deviceId: string, since: number): { addresses: string[]; latest: number } {
    const { store, inventory } = this.#parts
    const own = deviceId.startsWith(unbound) ? [deviceId.slice(unbound.length)] : []
    const bound = inventory.current.addressesOf(deviceId, since, Number.MAX_SAFE_INTEGER)
    const addresses = [...new Set([...own, ...bound])].map(canonicalAddress)
    const latest = addresses.reduce((most, address) => {
      const newest = store.beginOfNewest([address], since, Number.MAX_SAFE_INTEGER, 1)
      return Math.max(most, Math.min(newest, inventory.current.heldUntil(deviceId, address)))
    }, since)
    return { addresses, latest }
  }

  /** What the present speaks of stays the present's. */
  #end(device_id: string, walked: readonly Finding[]): void {
    const { memory } = this.#parts
    const findings = walked.filter((finding) => {
      const stored = memory.get(finding.id)
      if (stored && stored.state !== "closed" && stored.state !== finding.state) return false
      return finding.state === "open" ? stored === null : memory.isNew(finding)
    })
    this.#walk = null
    this.#found = { device_id, findings }
  }
}

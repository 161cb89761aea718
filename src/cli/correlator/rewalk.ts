/**
 * Walks the past of devices again: where a fact lies in an earlier span of event time than the newest record of
 * its device, and where a finding is closed, so that it says what it said last at a look of the past and not
 * what somebody happened to look at in between. In: whom a fact concerns and when. Out: findings as `replay`
 * makes them, a device at a time and a look at a time. It must not know who alerts.
 */
import type { Store } from "../../evidence/store.ts"
import { canonicalAddress } from "../../identity/address-key.ts"
import { unbound } from "../../identity/inventory.ts"
import type { Log } from "../../intercept/log.ts"
import type { Finding } from "../../record/finding.ts"
import { PastRegister } from "../replay/past-register.ts"
import type { JudgedMemory } from "./judged-memory.ts"
import { lastSeen } from "./last-seen.ts"
import { spanOf } from "./past-look.ts"
import { type PastParts, walkPast } from "./past-walk.ts"
import { isStoreTrouble } from "./store-trouble.ts"
import type { Suspect, Suspects } from "./suspects.ts"

/** Devices that wait, 100 bytes each and a row in the store; of more it is told that their past stays as it is. */
export const mostWaiting = 200_000
/** A walk is broken off after so long, and rests so many times as long: a tenth of a core at most. */
const sliceMs = 100
const restFactor = 10
/** No look takes so long: a longer rest is that of a clock which was set back. */
const longestSliceMs = 60_000

export interface RewalkParts extends Omit<PastParts, "store"> {
  store: PastParts["store"] & Pick<Store, "rewalks" | "all" | "registerAuditSeq">
  suspects: Suspects
  memory: JudgedMemory
  log: Log
  clock: () => number
}

export class Rewalk {
  readonly #parts: RewalkParts
  readonly #most: number
  /** The oldest time of what was learned of each device since it was looked at. */
  readonly #touched = new Map<string, number>()
  /** Devices to walk, and from when on. */
  readonly #due = new Map<string, number>()
  /** Of those, what is not stored yet. */
  readonly #unstored = new Set<string>()
  #walk: { device_id: string; since: number; steps: Generator<void, Finding[]> } | null = null
  /** Read once for many walks, and let go when nobody waits. */
  #registers: { seq: number; keptForMs: number; past: PastRegister } | null = null
  #restUntil = Number.NEGATIVE_INFINITY
  #rewalked = 0
  #toldFull = false

  constructor(parts: RewalkParts, most = mostWaiting) {
    this.#parts = parts
    this.#most = most
    for (const { device_id, since_ms } of parts.store.rewalks.all(most))
      this.#due.set(device_id, since_ms)
  }

  /** `rewalking`: devices whose past waits to be judged again; `rewalked`: since the start. */
  get counts(): { rewalking: number; rewalked: number } {
    return { rewalking: this.#due.size + (this.#walk ? 1 : 0), rewalked: this.#rewalked }
  }

  /** A fact of this time may have others judge a device's past otherwise; `at` in epoch milliseconds. */
  concerned(deviceId: string, at: number): void {
    this.#touched.set(deviceId, Math.min(at, this.#touched.get(deviceId) ?? at))
    if (this.#touched.size > 2 * this.#most) this.#touched.clear()
  }

  /** All of the news is known: what does not lie in the span of a device's newest record the present does not judge. */
  learned(): void {
    const { "allowed-lateness": lateness } = this.#parts.config.analytics.scope
    for (const [device, at] of this.#touched) {
      const latest = this.#latestOf(device, at)
      if (at >= spanOf(latest)) continue
      this.#wait(device, Math.max(at, latest - lateness))
      this.#touched.delete(device)
    }
  }

  /** The present has judged them. */
  looked(devices: readonly Suspect[]): void {
    for (const { device_id } of devices) this.#touched.delete(device_id)
  }

  /** What the present is about to store: of what it closes, the past says what it said last. */
  closing(findings: readonly Finding[]): void {
    const { memory, suspects } = this.#parts
    for (const { id, state, key } of findings) {
      const latest = suspects.seenOf(key.device_id)?.latest
      const stored = memory.get(id)
      if (state !== "closed" || latest === undefined) continue
      if (stored && stored.state !== "closed") this.#wait(key.device_id, latest)
    }
  }

  /** To be called in each transaction; returns what to do when it is committed. */
  store(): () => void {
    const rows = [...this.#unstored].flatMap((device_id) => {
      const since_ms = this.#due.get(device_id)
      return since_ms === undefined ? [] : { device_id, since_ms }
    })
    this.#parts.store.rewalks.put(rows)
    return () => this.#unstored.clear()
  }

  /**
   * Walks for a moment, and hands what a walk came to to `keep`, which stores it at once: a moment later it may not be
   * what the present says. True while there is more to do at once. `now` in epoch milliseconds.
   */
  step(now: number, keep: (findings: Finding[]) => void): boolean {
    const longest = restFactor * longestSliceMs
    if (now < this.#restUntil && this.#restUntil - now <= longest) return false
    const walk = this.#walk ?? this.#begin()
    if (!walk) return false
    const { clock } = this.#parts
    const began = clock()
    try {
      do {
        const { done, value } = walk.steps.next()
        if (done) this.#end(walk.device_id, value, keep)
      } while (this.#walk && clock() - began < sliceMs)
    } catch (error) {
      this.#walk = null
      if (!isStoreTrouble(error)) this.#giveUp(walk.device_id, error)
      else {
        this.#wait(walk.device_id, walk.since)
        throw error
      }
    } finally {
      this.#restUntil = clock() + restFactor * (clock() - began)
    }
    return clock() >= this.#restUntil
  }

  /** Where a device is to be looked for of which the correlator remembers nothing, and until when. */
  lastSeen(deviceId: string, since: number): { addresses: string[]; latest: number } {
    const { inventory } = this.#parts
    const own = deviceId.startsWith(unbound) ? [deviceId.slice(unbound.length)] : []
    const latest = lastSeen(this.#parts, deviceId, own) ?? since
    const { window } = this.#parts.config.analytics.scope
    const from = Math.min(since, latest - window)
    const bound = inventory.current.addressesOf(deviceId, from, Number.MAX_SAFE_INTEGER)
    return { addresses: [...new Set([...own, ...bound])].map(canonicalAddress), latest }
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

  #wait(deviceId: string, at: number): void {
    const before = this.#due.get(deviceId)
    if (before !== undefined && before <= at) return
    if (before === undefined && this.#due.size >= this.#most) {
      if (!this.#toldFull) this.#parts.log("warn", "rewalks-left-out", { waiting: this.#most })
      this.#toldFull = true
      return
    }
    this.#due.set(deviceId, at)
    this.#unstored.add(deviceId)
  }

  /** Who has waited longest. */
  #begin() {
    const [first] = this.#due
    if (!first) {
      this.#toldFull = false
      this.#registers = null
      return null
    }
    const { memory } = this.#parts
    const [device_id, since] = first
    this.#due.delete(device_id)
    const standing = memory.findingsOf(device_id).filter(({ state }) => state !== "closed")
    const now = () => this.#now(device_id, since)
    const registers = (keptForMs: number) => this.#registersNow(keptForMs)
    const steps = walkPast(this.#parts, { device_id, since, standing, registers, now })
    this.#walk = { device_id, since, steps }
    return this.#walk
  }

  #registersNow(keptForMs: number): PastRegister {
    const { store } = this.#parts
    const seq = store.registerAuditSeq()
    const known = this.#registers
    if (known?.seq === seq && known.keptForMs === keptForMs) return known.past
    const past = new PastRegister(store, keptForMs)
    this.#registers = { seq, keptForMs, past }
    return past
  }

  #now(device_id: string, since: number): Suspect {
    const seen = this.#parts.suspects.seenOf(device_id) ?? this.lastSeen(device_id, since)
    return { device_id, ...seen }
  }

  #end(device_id: string, walked: readonly Finding[], keep: (findings: Finding[]) => void): void {
    keep(walked.filter((finding) => this.#parts.memory.isNew(finding)))
    this.#walk = null
    this.#rewalked += 1
    this.#done(device_id)
  }

  /** Something of it broke what stores it: the others must not wait for it. */
  #giveUp(device_id: string, error: unknown): void {
    this.#parts.unusable.device(device_id, error)
    this.#done(device_id)
  }

  #done(device_id: string): void {
    if (!this.#due.has(device_id)) this.#parts.store.rewalks.done(device_id)
  }
}

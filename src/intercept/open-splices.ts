/**
 * The splices of this worker that are open, by the register entry that let them pass. Comes in: splices;
 * goes out: the order to cut those whose entry has ended, and to tell what has flowed so far. It must
 * not know how bytes move, nor how the register gets here.
 */

import type { Policy } from "../policy/prepare.ts"
import { goesOn } from "../policy/register/goes-on.ts"
import type { Log } from "./log.ts"

/** Why the sensor ended a splice, as its flow says it. */
export type CutReason = "cut-entry-ended" | "cut-trial-over" | "cut-trial-spent" | "cut-other-name"

export interface OpenSplice {
  cut(because: CutReason): void
  /** Tells its bytes since they were told last, if they are worth it. */
  tell(): void
}

/** How often it is looked whether entries still stand, in milliseconds: one look-up for each entry
 * under which something is open, so what has ended is cut so soon after the worker knows. */
const lookEvery = 250
/** What flows through a splice that stays open is told so often, in milliseconds. */
const tellEvery = 60_000

/** Owned state: at most as many splices as connections are let in, and as many entries. */
export class OpenSplices {
  readonly #policy: () => Policy
  readonly #clock: () => number
  readonly #log: Log
  readonly #all = new Set<OpenSplice>()
  /** Of the register's entries only: a change of rules, lists or settings ends nothing. */
  readonly #byEntry = new Map<string, Set<OpenSplice>>()
  readonly #timers: NodeJS.Timeout[]

  constructor(parts: {
    policy: () => Policy
    clock: () => number
    log: Log
    tellEveryMs?: number
  }) {
    this.#policy = parts.policy
    this.#clock = parts.clock
    this.#log = parts.log
    this.#timers = [
      setInterval(() => this.#look(), lookEvery),
      setInterval(() => this.#tell(), parts.tellEveryMs ?? tellEvery),
    ]
    for (const timer of this.#timers) timer.unref()
  }

  get size(): number {
    return this.#all.size
  }

  /** What it gives takes the splice out again. */
  add(splice: OpenSplice, entryId: string | null): () => void {
    this.#all.add(splice)
    if (entryId === null) return () => this.#all.delete(splice)
    const splices = this.#byEntry.get(entryId) ?? new Set()
    this.#byEntry.set(entryId, splices.add(splice))
    return () => {
      this.#all.delete(splice)
      if (splices.delete(splice) && splices.size === 0) this.#byEntry.delete(entryId)
    }
  }

  close(): void {
    for (const timer of this.#timers) clearInterval(timer)
  }

  #look(): void {
    if (this.#byEntry.size === 0) return
    const { register, control } = this.#policy()
    const now = this.#clock()
    for (const [id, splices] of this.#byEntry) {
      const entry = register.get(id)
      if (entry && goesOn(entry, control, now)) continue
      this.#log("info", "splices-cut", { register_entry: id, connections: splices.size })
      // Each takes itself out as it closes.
      for (const splice of [...splices]) splice.cut("cut-entry-ended")
    }
  }

  #tell(): void {
    for (const splice of this.#all) splice.tell()
  }
}

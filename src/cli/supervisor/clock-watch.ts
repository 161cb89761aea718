/**
 * Tells when the wall clock was set: it ran other than the monotonic one. Records say the wall clock's
 * time and everything that lasts is measured by the monotonic one, so traffic does not care; whoever
 * reads the records should know.
 */
import type { Log } from "../../intercept/log.ts"

/** Less than this is the work of NTP, or of a late look, in milliseconds. */
const leap = 5_000

export interface Clocks {
  /** Epoch milliseconds. */
  wall: () => number
  /** Milliseconds since some start. */
  monotonic: () => number
}

/** Owned state: how far apart the clocks were at the last look. */
export class ClockWatch {
  readonly #clocks: Clocks
  readonly #log: Log
  #apart: number

  constructor(clocks: Clocks, log: Log) {
    this.#clocks = clocks
    this.#log = log
    this.#apart = clocks.wall() - clocks.monotonic()
  }

  /** `by_ms`: how far it was set, forward or (negative) back. A suspended machine looks forward. */
  look(): void {
    const apart = this.#clocks.wall() - this.#clocks.monotonic()
    const by = apart - this.#apart
    if (Math.abs(by) < leap) return
    this.#log("warn", "clock-jumped", { by_ms: Math.round(by) })
    this.#apart = apart
  }
}

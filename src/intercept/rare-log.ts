/** Tells of something that may happen very often, a few times in a while, with how often it did. */
import type { Log } from "./log.ts"

/** Owned state: what was told in the current span. The bound: `burst` times in each `everyMs`. */
export class RareLog {
  readonly #log: Log
  readonly #event: string
  readonly #everyMs: number
  readonly #burst: number
  readonly #clock: () => number
  #next = Number.NEGATIVE_INFINITY
  #told = 0
  #untold = 0

  constructor(parts: { log: Log; clock: () => number }, event: string, everyMs: number, burst = 1) {
    this.#log = parts.log
    this.#clock = parts.clock
    this.#event = event
    this.#everyMs = everyMs
    this.#burst = burst
  }

  /** `times`: so often since it was told last, this one included. */
  tell(fields: Record<string, unknown>): void {
    this.#untold++
    const now = this.#clock()
    // A clock that was set back must not silence it.
    const sameSpan = now < this.#next && now >= this.#next - this.#everyMs
    if (sameSpan && this.#told >= this.#burst) return
    if (!sameSpan) {
      this.#next = now + this.#everyMs
      this.#told = 0
    }
    this.#log("warn", this.#event, { ...fields, times: this.#untold })
    this.#told++
    this.#untold = 0
  }
}

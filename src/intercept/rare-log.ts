/** Tells of something that may happen very often, at most once in a while, with how often it did. */
import type { Log } from "./sensor-deps.ts"

/** Owned state: when it was told last. `everyMs` is the bound. */
export class RareLog {
  readonly #log: Log
  readonly #event: string
  readonly #everyMs: number
  readonly #clock: () => number
  #next = Number.NEGATIVE_INFINITY
  #untold = 0

  constructor(parts: { log: Log; clock: () => number }, event: string, everyMs: number) {
    this.#log = parts.log
    this.#clock = parts.clock
    this.#event = event
    this.#everyMs = everyMs
  }

  /** `times`: so often since it was told last, this one included. */
  tell(fields: Record<string, unknown>): void {
    this.#untold++
    const now = this.#clock()
    // A clock that was set back must not silence it.
    if (now < this.#next && now >= this.#next - this.#everyMs) return
    this.#log("warn", this.#event, { ...fields, times: this.#untold })
    this.#next = now + this.#everyMs
    this.#untold = 0
  }
}

/** A log line that strangers can cause: once in a while each, with how often it happened. */

/** Owned state: when each reason was told. Bounded: at most 50 reasons, further ones are told as one. */
export class RareWords {
  readonly #everyMs: number
  readonly #clock: () => number
  readonly #told = new Map<string, { at: number; untold: number }>()

  constructor(clock: () => number, everyMs: number) {
    this.#clock = clock
    this.#everyMs = everyMs
  }

  /** How often it happened since it was told last, this time included; null: not yet to be told again. */
  due(reason: string): number | null {
    const key = this.#told.has(reason) || this.#told.size < 50 ? reason : "others"
    const known = this.#told.get(key)
    const now = this.#clock()
    // A clock that was set back must not silence it.
    if (known && now >= known.at && now < known.at + this.#everyMs) {
      known.untold++
      return null
    }
    this.#told.set(key, { at: now, untold: 0 })
    return (known?.untold ?? 0) + 1
  }
}

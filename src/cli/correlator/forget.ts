/**
 * Forgets what is older than the operator wants to keep, a little at a time: a step takes one short
 * transaction of one kind, so that neither workers nor judgements wait for it.
 */
import type { RetentionSettings } from "../../evidence/retention-settings.ts"
import type { Store } from "../../evidence/store.ts"
import type { Log } from "../../intercept/log.ts"

/** Rows forgotten in one step, some milliseconds: 1.8 million an hour at a step a second. */
const atOnce = 500
/** With nothing left to forget it is looked again so much later, in milliseconds. */
const restFor = 600_000
/** Uses of the register are summed up beside its entries; single ones are kept to be looked at. */
const keptHits = 7 * 86_400_000

type Kept = keyof RetentionSettings | "register-hits"

export class Forget {
  readonly #store: Store
  readonly #settings: RetentionSettings
  readonly #log: Log
  #waiting: Kept[] = []
  #forgotten: Partial<Record<Kept, number>> = {}
  #restsAt = Number.NEGATIVE_INFINITY

  constructor(store: Store, settings: RetentionSettings, log: Log) {
    this.#store = store
    this.#settings = settings
    this.#log = log
  }

  /** To be called every second or so; `now` in epoch milliseconds. */
  step(now: number): void {
    const [kind] = this.#waiting
    if (kind === undefined) {
      // A clock that was set back must not make it wait.
      if (Math.abs(now - this.#restsAt) < restFor) return
      const kinds = Object.keys(this.#settings) as (keyof RetentionSettings)[]
      this.#waiting = [...kinds, "register-hits"]
      return
    }
    const keptFor = kind === "register-hits" ? keptHits : this.#settings[kind]
    const count = keptFor === null ? 0 : this.#store.retain(kind, now - keptFor, atOnce)
    if (count > 0) this.#forgotten[kind] = (this.#forgotten[kind] ?? 0) + count
    if (count === atOnce) return
    this.#waiting.shift()
    if (this.#waiting.length === 0) this.#end(now)
  }

  #end(now: number): void {
    this.#restsAt = now
    if (Object.keys(this.#forgotten).length === 0) return
    this.#log("info", "records-forgotten", this.#forgotten)
    this.#forgotten = {}
  }
}

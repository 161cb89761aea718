/**
 * Whether this worker has more to do than it can: how late its event loop comes round. Comes in:
 * lateness, a few times a second; goes out: a state that does not flutter. It acts on nothing.
 */
import { z } from "zod"
import { Duration } from "../record/duration.ts"

export const OverloadSettings = z.strictObject({
  /** `splice`: while overloaded, what policy would inspect passes uninspected. */
  do: z.enum(["inspect", "splice"]).default("inspect"),
  /** Mean lateness of the event loop from which a worker is overloaded. */
  above: Duration.refine((ms) => ms > 0, "write a time above 0").prefault("250ms"),
})
export type OverloadSettings = z.infer<typeof OverloadSettings>

/** The event loop is asked so often, in milliseconds. */
const lookEvery = 100
/** Share of one look in the mean: some ten looks count. */
const weight = 0.2
/** One look counts for at most so many times `above`: less than 1 / weight, so that a single stall, be
 * it of seconds, is no overload, and two in a row are. */
const most = 4

/** Owned state: the mean, and whether it was above. It is over when the mean is below half. */
export class Overload {
  readonly #above: number
  #mean = 0
  #over = false

  constructor({ above }: OverloadSettings) {
    this.#above = above
  }

  get over(): boolean {
    return this.#over
  }

  /** Milliseconds, rounded. */
  get lateness(): number {
    return Math.round(this.#mean)
  }

  /** The event loop came round `latenessMs` late. */
  note(latenessMs: number): void {
    const counted = Math.min(Math.max(0, latenessMs), most * this.#above)
    this.#mean += weight * (counted - this.#mean)
    this.#over = this.#over ? this.#mean > this.#above / 2 : this.#mean > this.#above
  }

  /** Asks the event loop from now on; returns how to end that. */
  watch(): () => void {
    let last = performance.now()
    const timer = setInterval(() => {
      const now = performance.now()
      this.note(now - last - lookEvery)
      last = now
    }, lookEvery)
    return () => clearInterval(timer)
  }
}

/**
 * Flows of taps whose clocks run ahead. A device is judged as of its newest record, so one flow dated tomorrow would
 * have it judged in a window that holds nothing else, until tomorrow comes. In: records as they come. Out: the flows whose
 * time has come. What the time is the sensors' own records tell, not the clock of this machine: what is imported from
 * elsewhere may lie in the past of the machine, or in its future.
 */
import type { Interval } from "../../analytics/bucket.ts"
import { insertInTime } from "../../analytics/in-time.ts"
import type { Attempt } from "../../record/attempt.ts"
import type { Flow } from "../../record/flow.ts"

/** So far beyond the newest record of the sensors a flow of a tap may lie, in milliseconds: the fleet may be silent for
 * a while, and of a long session the sensor tells when it ends. */
export const mostAhead = 3_600_000
/** Flows held back, a kilobyte each; of more those furthest ahead go, and count when their device has a newer record. */
const mostHeld = 20_000

interface Held extends Interval {
  flow: Flow
}

/** Owned state: bounded by `mostHeld`. */
export class AheadFlows {
  readonly #most: number
  /** The soonest first. */
  readonly #held: Held[] = []
  /** Null: no sensor has told of anything, and nothing can be compared. */
  #newest: number | null

  /** `newest`: time of the newest record of a sensor's own that is known, in epoch milliseconds. */
  constructor(newest: number | null, most = mostHeld) {
    this.#newest = newest
    this.#most = most
  }

  /** Its time has not come. */
  isAhead(fact: Attempt | Flow): boolean {
    return isForeign(fact) && this.#isAfterAll(Date.parse(fact.observed_at))
  }

  /** Takes a record in; true: it is held back until the sensors are as far. */
  holds(fact: Attempt | Flow): boolean {
    const start = Date.parse(fact.observed_at)
    if (!isForeign(fact)) {
      if (start > (this.#newest ?? Number.NEGATIVE_INFINITY)) this.#newest = start
      return false
    }
    if (!this.#isAfterAll(start)) return false
    insertInTime(this.#held, { start, end: start, id: fact.id, flow: fact })
    if (this.#held.length > this.#most) this.#held.pop()
    return true
  }

  /** Those whose time has come since this was asked last, the oldest first. */
  release(): Flow[] {
    const left = this.#held.findIndex(({ start }) => this.#isAfterAll(start))
    return this.#held.splice(0, left < 0 ? this.#held.length : left).map(({ flow }) => flow)
  }

  #isAfterAll(start: number): boolean {
    return this.#newest !== null && start > this.#newest + mostAhead
  }
}

function isForeign(fact: Attempt | Flow): fact is Flow {
  return "verdict" in fact && fact.source !== "sensor"
}

/**
 * One call for each device, for what the list does not say: so many at once, and so many a sweep.
 *
 * A fleet beyond the number of one sweep is read in turns: a full sweep goes on with the devices
 * after those of the one before it.
 */

/** Owned state: whose turn it is. It is lost at a restart, and the first device's then. */
export class DeviceCalls {
  readonly #perSweep: number
  readonly #atOnce: number
  /** How many devices of the list are passed over before the first call. */
  #from = 0

  constructor(bounds: { "per-sweep": number; "at-once": number }) {
    this.#perSweep = bounds["per-sweep"]
    this.#atOnce = bounds["at-once"]
  }

  /**
   * Answers for the devices of one page; undefined for those whose turn it is not. `turn` is where the
   * sweep stands, and is moved on.
   */
  async each<D, A>(
    devices: readonly D[],
    turn: Turn,
    call: (device: D) => Promise<A>,
  ): Promise<{ answers: (A | undefined)[]; turn: Turn }> {
    const answers: (A | undefined)[] = new Array(devices.length).fill(undefined)
    const from = turn.full ? this.#from : 0
    const due = devices
      .map((device, index) => ({ device, index }))
      .filter(({ index }) => turn.met + index >= from)
      .slice(0, Math.max(0, this.#perSweep - turn.called))
    let next = 0
    const work = async () => {
      for (let one = due[next++]; one !== undefined; one = due[next++])
        answers[one.index] = await call(one.device)
    }
    // The first that fails ends all: no further call is begun.
    const stop = (error: unknown) => {
      next = due.length
      throw error
    }
    await Promise.all(Array.from({ length: this.#atOnce }, () => work().catch(stop)))
    const met = turn.met + devices.length
    return { answers, turn: { ...turn, met, called: turn.called + due.length } }
  }

  /** The list came to its end. */
  end({ full, met, called }: Turn): void {
    if (!full) return
    const reached = this.#from + called
    this.#from = called >= this.#perSweep && reached < met ? reached : 0
  }
}

export interface Turn {
  full: boolean
  /** Devices of this sweep that were there, and that were called. */
  met: number
  called: number
}

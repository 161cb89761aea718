/** What this worker itself has let through under each trial. */
import type { ControlSettings } from "./settings.ts"

interface Use {
  first_ms: number
  connections: number
  bytes: number
}

/** At most so many trials are remembered; one more counts as exhausted until `keep` makes room. */
const capacity = 10_000

/**
 * The correlator counts hits and ends a trial in the register, but that takes up to a second, and
 * for ever if the correlator is down. This count ends the trial in this worker all the same: when
 * the correlator is down, trials fail closed, at the caps for each worker.
 */
export class TrialUse {
  readonly #used = new Map<string, Use>()

  /** A connection is spliced under this trial; `now` in epoch milliseconds. */
  opened(entryId: string, now: number): void {
    const use = this.#used.get(entryId)
    if (use) use.connections += 1
    else if (this.#used.size < capacity)
      this.#used.set(entryId, { first_ms: now, connections: 1, bytes: 0 })
  }

  /** Bytes passed, either way; false once the trial's bytes are spent and its splices must end. */
  passed(entryId: string, bytes: number, control: ControlSettings): boolean {
    const use = this.#used.get(entryId)
    if (!use) return false
    use.bytes += bytes
    return use.bytes < control.bytes
  }

  exhausted(entryId: string, now: number, control: ControlSettings): boolean {
    const use = this.#used.get(entryId)
    if (!use) return this.#used.size >= capacity
    return (
      use.connections >= control.connections ||
      use.bytes >= control.bytes ||
      now >= use.first_ms + control["splice-for"]
    )
  }

  /** When this worker first spliced under the trial; null if it never did. */
  firstAt(entryId: string): number | null {
    return this.#used.get(entryId)?.first_ms ?? null
  }

  /** Forgets every trial that is not in the register any more. */
  keep(entryIds: ReadonlySet<string>): void {
    for (const id of this.#used.keys()) if (!entryIds.has(id)) this.#used.delete(id)
  }
}

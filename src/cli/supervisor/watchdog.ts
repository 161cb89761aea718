/**
 * Tells a process that hangs (a loop, a blocked event loop, stopped) from one that lives: a living one
 * says so a few times within the limit.
 *
 * Counted are looks of the supervisor without a word in between, not time: where the whole machine, or
 * the supervisor itself, stood still (suspended, swapped out), that is one look and not a verdict.
 */

/** Looks and words within the limit: a busy process may miss most of its words. */
const looks = 6

/** How often a process says that it lives, and how often it is looked at. */
export function heartbeatEvery(limitMs: number): number {
  return Math.max(1, Math.floor(limitMs / looks))
}

/** Owned state: one timer, and how often in turn nothing was heard. */
export class Watchdog {
  readonly #timer: NodeJS.Timeout
  #silent = 0

  /** `onHung` is called once, when nothing was heard for `limitMs`. */
  constructor(limitMs: number, onHung: () => void) {
    this.#timer = setInterval(() => {
      this.#silent += 1
      // The first look may come right after a word: it does not count.
      if (this.#silent <= looks) return
      this.close()
      onHung()
    }, heartbeatEvery(limitMs))
  }

  heard(): void {
    this.#silent = 0
  }

  close(): void {
    clearInterval(this.#timer)
  }
}

/** One at a time, in the order they asked: unpacking and storing take memory and the store, so only one
 * request does it. Who waits is bounded by the requests that a listener lets in. */
import { setImmediate as breathe } from "node:timers/promises"

/** Owned state: the end of the queue. */
export class Turns {
  #last: Promise<unknown> = Promise.resolve()

  take<Result>(work: () => Promise<Result>): Promise<Result> {
    const turn = this.#last.then(async () => {
      // A store that is locked makes each turn long: timers and sockets must have theirs.
      await breathe()
      return work()
    })
    this.#last = turn.catch(() => {})
    return turn
  }
}

/** Half-open intervals of time, asked which of them contain an instant. */

/**
 * An interval tree laid over an array that is sorted by start: the middle of a range is the root of
 * its subtree and knows the latest end in it. A query costs the logarithm of the length and what it
 * finds, also where one lasting interval lies over thousands of short ones.
 */
export class IntervalList<Value> {
  /** Plain arrays: there are as many lists as addresses, most of them short. */
  readonly #from: number[]
  readonly #to: number[]
  readonly #latest: number[]
  readonly #values: Value[]

  /** Times in epoch milliseconds; `to` is Infinity for what lasts. Empty intervals contain nothing. */
  constructor(intervals: readonly { from: number; to: number; value: Value }[]) {
    const sorted = [...intervals].sort((a, b) => a.from - b.from)
    this.#from = sorted.map((interval) => interval.from)
    this.#to = sorted.map((interval) => interval.to)
    this.#latest = sorted.map(() => 0)
    this.#values = sorted.map((interval) => interval.value)
    this.#latestWithin(0, sorted.length)
  }

  /** What contains `at`; with a tolerance, also what begins or ends at most so many ms away. */
  containing(at: number, toleranceMs = 0): Value[] {
    const found: Value[] = []
    this.#collect(0, this.#values.length, at - toleranceMs, at + toleranceMs, found)
    return found
  }

  #latestWithin(low: number, high: number): number {
    if (low >= high) return Number.NEGATIVE_INFINITY
    const middle = (low + high) >> 1
    const latest = Math.max(
      this.#to[middle] as number,
      this.#latestWithin(low, middle),
      this.#latestWithin(middle + 1, high),
    )
    this.#latest[middle] = latest
    return latest
  }

  #collect(low: number, high: number, after: number, until: number, found: Value[]): void {
    if (low >= high) return
    const middle = (low + high) >> 1
    if ((this.#latest[middle] as number) <= after) return
    this.#collect(low, middle, after, until, found)
    const from = this.#from[middle] as number
    const to = this.#to[middle] as number
    if (from > until) return
    if (to > after && to > from) found.push(this.#values[middle] as Value)
    this.#collect(middle + 1, high, after, until, found)
  }
}

/**
 * How refusals are counted. Connections of one key that overlap are one try (a parallel dial, happy
 * eyeballs of RFC 8305); tries that follow one another are many (a retry loop). A try belongs to
 * the fixed bucket in which it began, so that counting does not depend on what came first.
 */

export interface Interval {
  id: string
  /** Epoch milliseconds. */
  start: number
  end: number
}

export interface Try<Item extends Interval> {
  start: number
  members: Item[]
}

/** The number of the fixed bucket that holds this time. */
export function bucketOf(ms: number, bucketMs: number): number {
  return Math.floor(ms / bucketMs)
}

/**
 * Tries in the order of time: a try takes in what begins before its first connection has ended, and
 * no more, so a client that always has two dials open cannot make one endless try.
 */
export function tries<Item extends Interval>(intervals: readonly Item[]): Try<Item>[] {
  const sorted = [...intervals].sort(byTime)
  const found: Try<Item>[] = []
  let until = Number.NEGATIVE_INFINITY
  for (const interval of sorted) {
    const last = found.at(-1)
    if (last && interval.start < until) last.members.push(interval)
    else {
      found.push({ start: interval.start, members: [interval] })
      until = interval.end
    }
  }
  return found
}

/** How many different buckets the tries fall into. */
export function bucketsOf(found: readonly { start: number }[], bucketMs: number): number {
  return new Set(found.map((each) => bucketOf(each.start, bucketMs))).size
}

/** The order of evidence everywhere: time, then id, so that no result depends on the input's order. */
export function byTime(a: Interval, b: Interval): number {
  return a.start - b.start || a.end - b.end || (a.id < b.id ? -1 : a.id > b.id ? 1 : 0)
}

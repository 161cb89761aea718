/** Where a time stands in sorted evidence, found by halving: evidence may be thousands of records. */

/** How many items of a list sorted by time lie not after `until`. */
export function rank<Item>(
  sorted: readonly Item[],
  until: number,
  timeOf: (item: Item) => number,
): number {
  let low = 0
  let high = sorted.length
  while (low < high) {
    const middle = (low + high) >> 1
    const item = sorted[middle]
    if (item !== undefined && timeOf(item) <= until) low = middle + 1
    else high = middle
  }
  return low
}

/** The last item not after `until`, if any. */
export function lastUpTo<Item>(
  sorted: readonly Item[],
  until: number,
  timeOf: (item: Item) => number,
): Item | undefined {
  return sorted[rank(sorted, until, timeOf) - 1]
}

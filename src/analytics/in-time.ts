/** Lists in the order of evidence (`byTime`), kept so one by one. Most of what comes is the newest, and most of
 * what goes the oldest. */
import { byTime, type Interval } from "./bucket.ts"

/** Where it stands, or would stand. */
export function placeInTime<Item extends Interval>(list: readonly Item[], item: Interval): number {
  const last = list.at(-1)
  if (last === undefined || byTime(last, item) < 0) return list.length
  let low = 0
  let high = list.length
  while (low < high) {
    const middle = (low + high) >> 1
    if (byTime(list[middle] as Item, item) < 0) low = middle + 1
    else high = middle
  }
  return low
}

/** What stands there with this time and id, if anything. */
export function findInTime<Item extends Interval>(
  list: readonly Item[],
  item: Interval,
): Item | undefined {
  const found = list[placeInTime(list, item)]
  return found && byTime(found, item) === 0 ? found : undefined
}

export function insertInTime<Item extends Interval>(list: Item[], item: Item): void {
  const at = placeInTime(list, item)
  if (at === list.length) list.push(item)
  else list.splice(at, 0, item)
}

/** Whether it was there. */
export function removeInTime<Item extends Interval>(list: Item[], item: Interval): boolean {
  const at = placeInTime(list, item)
  const found = list[at]
  if (!found || byTime(found, item) !== 0) return false
  if (at === 0) list.shift()
  else list.splice(at, 1)
  return true
}

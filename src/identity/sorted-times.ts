/** How many of the ascending times are before an instant; all in whole epoch milliseconds. */
export function countBefore(times: readonly number[], instant: number): number {
  let low = 0
  let high = times.length
  while (low < high) {
    const middle = (low + high) >> 1
    if ((times[middle] as number) < instant) low = middle + 1
    else high = middle
  }
  return low
}

/** How long to wait before a receiver is tried again. */

export interface Backoff {
  firstMs: number
  maxMs: number
}

/**
 * Doubles with each failure in a row up to the maximum; half of it is by chance, so that many sensors do
 * not come back to a restarted receiver at once. `random` is in [0, 1).
 */
export function backoffMs(failures: number, { firstMs, maxMs }: Backoff, random: number): number {
  const full = Math.min(maxMs, firstMs * 2 ** Math.min(30, Math.max(0, failures - 1)))
  return Math.round(full / 2 + (full / 2) * random)
}

/**
 * What the correlator's memory may grow by: it remembers devices and what it found of them, and a fleet that
 * begins to refuse fills that memory for hours, up to its bounds. How many it remembers the correlator counts
 * itself; so much is taken off before it is asked whether memory grows. Pure.
 */

/** A line `correlator-counts`. */
export interface Remembered {
  /** Milliseconds since the soak began. */
  atMs: number
  devices: number
  suspects: number
  resting: number
  findings: number
  fleet_keys: number
  fault_pairs: number
}

/**
 * Bytes of one of each, measured by forgetting one sort after the other (460,000 records, 50,000 devices: all but
 * 2.8 MiB of heap went, as much as was left after 37,000 records of 4,000 devices). A finding is with its places in the lists.
 */
const bytesOf = {
  devices: 350,
  suspects: 90,
  resting: 90,
  findings: 2_350,
  fleet_keys: 2_000,
  fault_pairs: 2_250,
} as const satisfies Record<keyof Omit<Remembered, "atMs">, number>

/** KiB that the counts explain at a time: between two lines in proportion, outside of all the nearest one's. */
export function explained(counts: readonly Remembered[], atMs: number): number {
  const before = counts.findLast((one) => one.atMs <= atMs)
  const after = counts.find((one) => one.atMs > atMs)
  if (!before || !after) return kibOf(before ?? after)
  const share = (atMs - before.atMs) / (after.atMs - before.atMs)
  return kibOf(before) + share * (kibOf(after) - kibOf(before))
}

function kibOf(counts: Remembered | undefined): number {
  if (!counts) return 0
  const sorts = Object.entries(bytesOf) as [keyof typeof bytesOf, number][]
  return sorts.reduce((all, [sort, bytes]) => all + counts[sort] * bytes, 0) / 1024
}

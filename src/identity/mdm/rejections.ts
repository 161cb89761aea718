/** How many rows were refused, and why. */

/** Reasons that are told apart; all others count as one. */
const mostReasons = 20
const longestReason = 120
const other = "other reasons"

export interface Rejections {
  rejected: number
  rejected_because: Record<string, number>
}

/** The counts with one more. */
export function rejectedOnce({ rejected, rejected_because }: Rejections, why: string): Rejections {
  const short = why.slice(0, longestReason)
  const known = Object.hasOwn(rejected_because, short)
  const room = Object.keys(rejected_because).length < mostReasons - 1
  const reason = known || room ? short : other
  const count = Object.hasOwn(rejected_because, reason) ? (rejected_because[reason] ?? 0) : 0
  return {
    rejected: rejected + 1,
    rejected_because: { ...rejected_because, [reason]: count + 1 },
  }
}

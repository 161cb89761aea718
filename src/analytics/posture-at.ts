/** The posture in force at a time: the last one told not after it. */
import type { Profile } from "../record/common.ts"
import type { Posture } from "../record/posture.ts"

/**
 * Of the profile asked for, else of the whole device where MDM knows no such profile. A profile's own
 * trust store is never guessed from another profile's.
 */
export function postureAt(
  postures: readonly Posture[],
  ms: number,
  profile: Profile,
): Posture | null {
  return (
    lastOf(postures, ms, profile) ??
    (profile === "personal" ? null : lastOf(postures, ms, "device"))
  )
}

function lastOf(postures: readonly Posture[], ms: number, profile: Profile): Posture | null {
  let last: Posture | null = null
  for (const posture of postures) {
    if (posture.profile !== profile || Date.parse(posture.observed_at) > ms) continue
    if (last === null || isLater(posture, last)) last = posture
  }
  return last
}

/** Later, and for the same instant the greater id: the same choice for any order of the input. */
function isLater(a: Posture, b: Posture): boolean {
  return a.observed_at === b.observed_at ? a.id > b.id : a.observed_at > b.observed_at
}

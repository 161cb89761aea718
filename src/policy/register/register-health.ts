/**
 * What stands out in a bypass. In: an entry with its use, the drifts seen, when a person last looked
 * at it, the time. Out: flags, the most urgent first. It must not know where they are shown.
 */
import type { Drift } from "../../record/drift.ts"
import type { RegisterEntry } from "../../record/register-entry.ts"
import { widthOfEntry } from "./scope-width.ts"

/** In the order of urgency.
 * - `DRIFT`: since a person last looked, what flows is no longer what it was opened for.
 * - `REVIEW`: its review date has passed; of an entry without one, 90 days since the last look.
 * - `EXPIRING`: ends within 14 days; of what lasts less than 28 days, the last half.
 * - `PROPOSED`: waits for a person.
 * - `WIDE`: names neither where to nor which device, or covers a public suffix (entries, and rules).
 * - `UNUSED`: 30 days old and more, without a use for 30 days (settings are for rare days).
 * - `RETEST`: is being tested again.
 * - `EXPIRED`: ended. */
export const healthFlags = [
  "DRIFT",
  "REVIEW",
  "EXPIRING",
  "PROPOSED",
  "WIDE",
  "UNUSED",
  "RETEST",
  "EXPIRED",
] as const
export type HealthFlag = (typeof healthFlags)[number]

export interface HealthFacts {
  entry: RegisterEntry
  /** Of this entry; those from before `reviewed_ms` do not count. */
  drifts: readonly Drift[]
  /** When a person last looked at it, or it was made; null if that is not known. */
  reviewed_ms: number | null
}

const day = 86_400_000
const expiringWithin = 14 * day
const unusedFor = 30 * day
const reviewedWithin = 90 * day

export function healthOf({ entry, drifts, reviewed_ms }: HealthFacts, now: number): HealthFlag[] {
  if (hasEnded(entry, now)) return ["EXPIRED"]
  const { kind, source, standing, created_at, last_hit_at, learned } = entry
  const proposed = standing === "proposed"
  const reviewed = reviewed_ms ?? Date.parse(created_at)
  const lastUse = Date.parse(last_hit_at ?? created_at)
  const lives = !proposed && kind !== "trial"
  const is: Record<HealthFlag, boolean> = {
    DRIFT: drifts.some(({ observed_at }) => Date.parse(observed_at) > reviewed),
    REVIEW: !proposed && reviewDue(entry, reviewed) <= now,
    EXPIRING: lives && isExpiring(entry, reviewed, now),
    PROPOSED: proposed,
    WIDE: widthOfEntry(entry) !== null,
    UNUSED:
      lives &&
      source !== "setting" &&
      lastUse <= now - unusedFor &&
      Date.parse(created_at) <= now - unusedFor,
    RETEST: (learned?.retest ?? null) !== null,
    EXPIRED: false,
  }
  return healthFlags.filter((flag) => is[flag])
}

/** Whether a person has something to do: a re-test goes on by itself, and an end is an end. */
export function needsAttention(flags: readonly HealthFlag[]): boolean {
  return flags.some((flag) => flag !== "RETEST" && flag !== "EXPIRED")
}

/** Of a proposal: nobody took it up in time, or another took its place. */
export function hasEnded({ expires_at }: RegisterEntry, now: number): boolean {
  return expires_at !== null && Date.parse(expires_at) <= now
}

/** What is imported may have no date: it is not to be forgotten for that. */
function reviewDue({ review_at, source, kind }: RegisterEntry, reviewed: number): number {
  if (review_at !== null) return Date.parse(review_at)
  return source === "register" && kind !== "trial"
    ? reviewed + reviewedWithin
    : Number.POSITIVE_INFINITY
}

/** `since`: what was meant to last from then on, in epoch milliseconds. */
function isExpiring({ expires_at }: RegisterEntry, since: number, now: number): boolean {
  if (expires_at === null) return false
  const end = Date.parse(expires_at)
  return end - now <= Math.min(expiringWithin, (end - since) / 2)
}

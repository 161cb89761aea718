/** All entries of the register with what stands out in each, the most urgent first. */
import type { Store } from "../../evidence/store.ts"
import { type HealthFlag, healthFlags, healthOf } from "../../policy/register/register-health.ts"
import type { RegisterEntry } from "../../record/register-entry.ts"

export interface EntryHealth {
  entry: RegisterEntry
  flags: HealthFlag[]
}

export function entriesByUrgency(store: Store, now: number): EntryHealth[] {
  return [...store.all("register")]
    .map((entry) => ({ entry, flags: flagsOf(store, entry, now) }))
    .sort(byUrgency)
}

export function flagsOf(store: Store, entry: RegisterEntry, now: number): HealthFlag[] {
  const reviewed_ms = store.registerReviews([entry.id]).get(entry.id) ?? null
  return healthOf({ entry, drifts: store.driftsOf([entry.id]), reviewed_ms }, now)
}

/** By the first flag, then by the end, then by id. */
function byUrgency(one: EntryHealth, other: EntryHealth): number {
  return (
    urgency(one) - urgency(other) ||
    endOf(one.entry) - endOf(other.entry) ||
    (one.entry.id < other.entry.id ? -1 : 1)
  )
}

/** What has no flag stands before what has ended, which is the last of them. */
function urgency({ flags: [first] }: EntryHealth): number {
  return first === undefined ? healthFlags.length - 1.5 : healthFlags.indexOf(first)
}

function endOf({ expires_at }: RegisterEntry): number {
  return expires_at === null ? Number.MAX_SAFE_INTEGER : Date.parse(expires_at)
}

/** Which sweep is due when. Pure: from what was read and what is configured. */
import type { MdmPlace, SweepPlace } from "./place.ts"

export interface Due {
  /** Epoch milliseconds. */
  at: number
  sweep: SweepPlace
}

/** Changes are asked for from so long before the newest known, in milliseconds: devices sync while
 * a sweep is under way, and the MDM's clock is not ours. What is read twice is stored once. */
const overlap = 10 * 60_000

export function nextSweep(
  place: MdmPlace,
  settings: { "full-every": number; "changed-every": number | null },
  now: number,
): Due {
  if (place.sweep !== null) return { at: now, sweep: place.sweep }
  const full = dueAfter(place.full_at, settings["full-every"], now)
  const fresh = { cursor: null, done: 0, newest: null }
  const every = settings["changed-every"]
  if (every !== null && place.since !== null) {
    const last = Math.max(place.full_at ?? 0, place.changed_at ?? 0)
    const changed = dueAfter(last, every, now)
    // A full sweep that is due reads the changes too.
    if (changed < full && full > now) {
      const began_at = Math.max(now, changed)
      return { at: changed, sweep: { of: "changed", began_at, since: place.since, ...fresh } }
    }
  }
  return { at: full, sweep: { of: "full", began_at: Math.max(now, full), since: null, ...fresh } }
}

/** The place after a sweep came to its end. */
export function afterSweep(place: MdmPlace, sweep: SweepPlace): MdmPlace {
  const newest = sweep.newest === null ? null : Math.min(sweep.newest, sweep.began_at) - overlap
  const since = newest === null ? place.since : Math.max(newest, place.since ?? newest)
  return sweep.of === "full"
    ? { ...place, since, sweep: null, full_at: sweep.began_at, full_sweeps: place.full_sweeps + 1 }
    : { ...place, since, sweep: null, changed_at: sweep.began_at }
}

/** At once where it never was, or where the clock was set back behind it. */
function dueAfter(last: number | null, every: number, now: number): number {
  return last === null || last > now ? now : last + every
}

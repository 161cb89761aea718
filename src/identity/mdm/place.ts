/** How far an MDM was read: what is committed with each page, so that a killed sweep goes on there. */
import { z } from "zod"

const instant = z.number().nullable().default(null)

export const SweepPlace = z.strictObject({
  of: z.enum(["full", "changed"]),
  began_at: z.number(),
  /** What changed after this is asked for; null: everything. */
  since: instant,
  /** The connector's own: the next page; null is the first. */
  cursor: z.json().default(null),
  /** Rows read so far. */
  done: z.int().default(0),
  /** When the device that told its MDM last did so, of those read. */
  newest: instant,
})
export type SweepPlace = z.infer<typeof SweepPlace>

/** All times in epoch milliseconds of the wall clock, but `since`, which is the MDM's. */
export const MdmPlace = z.strictObject({
  /** Begin of the last full sweep that came to its end, and of the last sweep of changes. */
  full_at: instant,
  changed_at: instant,
  /** From where on changes are to be asked for. */
  since: instant,
  /** Full sweeps that came to their end. */
  full_sweeps: z.int().default(0),
  /** Rows that the API counts and never gives: known, so that no sweep is repeated for them. */
  lacking: z.int().default(0),
  rejected: z.int().default(0),
  rejected_because: z.record(z.string(), z.int()).default({}),
  sweep: SweepPlace.nullable().default(null),
})
export type MdmPlace = z.infer<typeof MdmPlace>

/** A place that cannot be read (of an older version) is the begin: reading again doubles nothing. */
export function placeOf(stored: unknown): MdmPlace {
  const parsed = MdmPlace.safeParse(stored ?? {})
  return parsed.success ? parsed.data : MdmPlace.parse({})
}

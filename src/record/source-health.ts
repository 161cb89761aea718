/** How a source outside does: what `coverage` and `doctor` show of it, and nobody's secret. */
import { z } from "zod"
import { Timestamp } from "./common.ts"

const count = z.int().min(0).default(0)
const time = Timestamp.nullable().default(null)

export const SourceHealth = z.strictObject({
  /** `starting`: nothing was asked or read yet. */
  state: z.enum(["starting", "ok", "failing"]).default("starting"),
  /** When it was read or asked last, and when that last went well (wall clock). */
  last_try_at: time,
  last_ok_at: time,
  /** In words, with what to do; null while it goes well. */
  last_error: z.string().max(500).nullable().default(null),
  /** Records taken since it was first configured; and what was refused of what it said. */
  taken: count,
  rejected: count,
  /** Why it was refused, and how often: at most 20 reasons, without what the rows hold. */
  rejected_because: z.record(z.string(), z.int()).default({}),
  /** Types that we do not know, and how often each came: at most 100 of them. */
  unknown_types: z.record(z.string(), z.int()).default({}),
  /** How far a long sweep is; `of` null where the source does not say how much there is. */
  progress: z.strictObject({ done: z.int(), of: z.int().nullable() }).nullable().default(null),
  /** Event time of the newest thing it told. */
  newest_at: time,
})
export type SourceHealth = z.infer<typeof SourceHealth>

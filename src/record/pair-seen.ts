/**
 * What is known of an app at a destination at one time: kept when somebody allows or marks the pair,
 * so that what comes later can be compared with it (analytics/pair-drift.ts).
 */
import { z } from "zod"

export const PairSeen = z.strictObject({
  app_version: z.string().nullable(),
  /** SHA-256 of the app's signer as it was seen; null where no source tells. */
  signer: z.string().nullable(),
  /** TLS clients that the app was seen with, at most 32. */
  stacks: z.array(z.string()),
  registrable_domain: z.string(),
  /** A scope verdict (record/finding.ts). */
  verdict: z.string(),
  /** Used while in background or under lock; null where no source tells the state. */
  background: z.boolean().nullable(),
  /** Both directions, of one device; null where it was not measured. */
  bytes_a_day: z.number().nullable(),
  connections_a_day: z.number().nullable(),
})
export type PairSeen = z.infer<typeof PairSeen>

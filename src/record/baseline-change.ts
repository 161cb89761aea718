/**
 * What a person said of a baseline: that a destination of an app is part of it, or is none, or that
 * nothing new shall enter it. What the sensor learned by itself is no such record.
 */
import { z } from "zod"
import { AnyTimestamp, common } from "./common.ts"

export const BaselineAct = z.enum([
  /** The destination is baseline of the app. */
  "added",
  /** It is none, and is not learned. */
  "removed",
  /** What was said of it by hand no longer holds: what is learned decides. */
  "withdrawn",
  /** Nothing enters by itself, and nothing leaves. */
  "frozen",
  "thawed",
])
export type BaselineAct = z.infer<typeof BaselineAct>

/** `observed_at` is when it was said. The newest of an app and destination holds; records only come,
 * none is changed. */
export const BaselineChange = z.strictObject({
  ...common,
  what: BaselineAct,
  /** Null: every app, of a freeze and a thaw. */
  app_id: z.string().min(1).nullable().default(null),
  /** Exact name, address with port, or a host pattern; null of a freeze and a thaw. */
  destination: z.string().min(1).nullable().default(null),
  /** Who answers for it. */
  owner: z.string().min(1),
  reason: z.string().min(1),
  /** `user@host`, with whom it was done for: the account that the system knew. */
  who: z.string().min(1),
  /** From then on it no longer holds; null for a withdrawal and a thaw. */
  expires_at: AnyTimestamp.nullable().default(null),
})
export type BaselineChange = z.infer<typeof BaselineChange>

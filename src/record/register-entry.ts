/** A register entry: one governed bypass of inspection, with its owner, reason and end. */
import { z } from "zod"
import { AnyTimestamp, common } from "./common.ts"

/** The life of a trial. `armed`: waits for the next connection; `splicing`: its time has begun;
 * `re-inspecting`: waits for the refusal (or acceptance) that decides; `holding`: decided, group
 * policy rules; `cooling`: not again before `expires_at`. */
export const TrialState = z.enum(["armed", "splicing", "re-inspecting", "holding", "cooling"])
export type TrialState = z.infer<typeof TrialState>

export const RegisterEntry = z.strictObject({
  ...common,
  kind: z.enum(["operator", "platform", "private", "trial", "learned"]),
  /** Every given part must match; null matches anything. */
  scope: z.strictObject({
    device_id: z.string().nullable().default(null),
    device_group: z.string().nullable().default(null),
    client_network: z.string().nullable().default(null),
    stack: z.string().nullable().default(null),
    /** Exact name, or `*.example.org` for all names below it. */
    sni: z.string().nullable().default(null),
    destination_network: z.string().nullable().default(null),
  }),
  owner: z.string().min(1),
  reason: z.string().min(1),
  evidence_ids: z.array(z.string()).default([]),
  created_at: AnyTimestamp,
  /** From here on the entry no longer splices. */
  expires_at: AnyTimestamp.nullable().default(null),
  review_at: AnyTimestamp.nullable().default(null),
  /** Only for trials: where it stands, when its time began, what it has let through. */
  trial: z
    .strictObject({
      state: TrialState,
      since: AnyTimestamp,
      first_splice_at: AnyTimestamp.nullable().default(null),
      connections: z.int().default(0),
      bytes: z.int().default(0),
      /** How often this key was tried before: lengthens the cool-down. */
      round: z.int().default(0),
    })
    .nullable()
    .default(null),
})
export type RegisterEntry = z.infer<typeof RegisterEntry>

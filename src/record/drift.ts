/**
 * Drift: while a bypass holds, what flows through it is no longer what it was opened for; or an app at a
 * destination that is allowed or baseline is no longer what it was.
 */
import { z } from "zod"
import { common } from "./common.ts"

export const DriftSign = z.enum([
  /** Much more than on the days before. */
  "volume",
  /** A TLS client that was not seen under this bypass while it was new. */
  "stack",
  /** An origin in a network that was not seen while it was new, or a name too many. */
  "address",
  /** Of a pair only: another signer of the app, a destination that was accepted and is refused, use in
   * background, another domain. */
  "signer",
  "verdict",
  "background",
  "destination",
])
export type DriftSign = z.infer<typeof DriftSign>

/** `observed_at` is the time of the flow that showed it; one record for each new thing. */
export const Drift = z.strictObject({
  ...common,
  /** The bypass by its id in the register, or `pair:APP|DESTINATION`. */
  entry_id: z.string().min(1),
  sign: DriftSign,
  /** What it was, and what it is: `3 stacks`, `t13d1516h2_...`. In words, with units. */
  was: z.string(),
  now: z.string(),
  /** Device whose flow showed it; null where no binding tells. */
  device_id: z.string().nullable(),
  /** Ids of flows, at most 20. */
  evidence_ids: z.array(z.string()),
})
export type Drift = z.infer<typeof Drift>

/** What drifts of an app at a destination are filed under. */
export function pairEntryId(appId: string, destination: string): string {
  return `pair:${appId}|${destination}`
}

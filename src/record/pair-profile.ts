/** What is remembered of an app at a destination, over devices: facts summed up, no judgement. */
import { z } from "zod"

/** A device and when it first showed something, in epoch milliseconds. */
const Showing = z.tuple([z.string(), z.number()])
export type Showing = z.infer<typeof Showing>

export const PairDay = z.strictObject({
  /** Days since 1970 in UTC. */
  day: z.int(),
  /** Devices that used the destination without our doing, those that did so first. */
  used: z.array(Showing),
  /** Devices that accepted our certificate there, and that refused it; two of each tell enough. */
  accepted: z.array(Showing),
  refused: z.array(Showing),
  connections: z.int(),
  bytes: z.number(),
})
export type PairDay = z.infer<typeof PairDay>

/** Something with the device that showed it first. */
export const PairThing = z.strictObject({
  what: z.string(),
  at: z.number(),
  device_id: z.string(),
})
export type PairThing = z.infer<typeof PairThing>

export const PairProfile = z.strictObject({
  app_id: z.string(),
  destination: z.string(),
  /** Oldest first. */
  days: z.array(PairDay),
  /** In the order in which they were first seen. */
  stacks: z.array(PairThing),
  signers: z.array(PairThing),
  /** Times of the first connections. */
  earliest: z.array(z.number()),
  last_ms: z.number(),
})
export type PairProfile = z.infer<typeof PairProfile>

/** A register entry: one governed bypass of inspection, with its owner, reason and end. */
import { z } from "zod"
import { AnyTimestamp, common, DecisionKind } from "./common.ts"

/** The life of a trial. `armed`: waits for the next connection; `splicing`: its time has begun;
 * `re-inspecting`: waits for the refusal (or acceptance) that decides; `holding`: decided, group
 * policy rules; `cooling`: not again before `expires_at`. */
export const TrialState = z.enum(["armed", "splicing", "re-inspecting", "holding", "cooling"])
export type TrialState = z.infer<typeof TrialState>

/** Where a bypass is declared. `register`: here, and workers decide by it. The others are the
 * configuration's own (a splicing rule, a list of hosts, a setting that splices): they stand in the
 * register so that it shows every bypass there is, with its use, but decide nothing from here. */
export const BypassSource = z.enum(["register", "rule", "list", "setting"])
export type BypassSource = z.infer<typeof BypassSource>

/** `proposed`: waits for a person to accept it, and never splices. */
export const Standing = z.enum(["in-force", "proposed"])
export type Standing = z.infer<typeof Standing>

export const RegisterEntry = z.strictObject({
  ...common,
  kind: z.enum(["operator", "platform", "private", "trial", "learned"]),
  source: BypassSource.default("register"),
  standing: Standing.default("in-force"),
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
  /** For what the configuration declares: its conditions as JSON text, which a scope cannot hold. */
  declared: z.string().nullable().default(null),
  owner: z.string().min(1),
  reason: z.string().min(1),
  evidence_ids: z.array(z.string()).default([]),
  created_at: AnyTimestamp,
  /** From here on the entry no longer splices, and what it splices is cut. */
  expires_at: AnyTimestamp.nullable().default(null),
  review_at: AnyTimestamp.nullable().default(null),
  /** Connections spliced by it, their bytes in both directions, and the last beginning or end. Kept
   * beside the entry: it changes with each connection, and is no change of the bypass. */
  hits: z.int().min(0).default(0),
  bytes: z.int().min(0).default(0),
  last_hit_at: AnyTimestamp.nullable().default(null),
  /** Only for trials: where it stands and when its time began. */
  trial: z
    .strictObject({
      state: TrialState,
      since: AnyTimestamp,
      first_splice_at: AnyTimestamp.nullable().default(null),
      /** What it had let through when its state last changed. */
      connections: z.int().default(0),
      bytes: z.int().default(0),
      /** How often this key was tried before: lengthens the cool-down. */
      round: z.int().default(0),
      /** While `holding`: what the device's group has decided for it. */
      hold: DecisionKind.nullable().default(null),
      /** What its evidence was compared within; null in trials from before this was kept. */
      epoch: z
        .strictObject({ issuing_ca: z.string().nullable(), sensor_config: z.string() })
        .nullable()
        .default(null),
      /** First refusal of the key in that epoch, over all its rounds: since when its app is broken. */
      refused_since: AnyTimestamp.nullable().default(null),
    })
    .nullable()
    .default(null),
  /** Only for what the sensor learned. */
  learned: z
    .strictObject({
      /** Devices on which it was confirmed, at most 50. */
      device_ids: z.array(z.string()),
      /** While its bypass is tested again: this one device is inspected, the others are not. */
      retest: z.strictObject({ device_id: z.string(), since: AnyTimestamp }).nullable(),
      /** How often a re-test found it still refusing, and lengthened it. */
      renewals: z.int().min(0),
    })
    .nullable()
    .default(null),
})
export type RegisterEntry = z.infer<typeof RegisterEntry>

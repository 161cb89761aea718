/**
 * The tunables of judgements, which may differ by app or device group: those of the scope verdict under our own
 * keys, and those of AN1725 and AN1726 under ATT&CK's names as they stand.
 */
import { z } from "zod"
import { Duration } from "../record/duration.ts"
import { parseHostPattern } from "../record/host-pattern.ts"

/** Thresholds of the scope verdict. */
export const ScopeSettings = z.strictObject({
  /** How much of the past one judgement looks at. */
  window: Duration.prefault("24h"),
  /** Refusals must fall into two of these fixed buckets at least. */
  bucket: Duration.refine((ms) => ms > 0, "a bucket must be longer than nothing").prefault("60s"),
  /** So many tries must have been refused before anything is suspected. */
  refusals: z.int().min(2).default(3),
  /** So many destinations refused and nothing accepted: distrust of the CA, not of a destination. */
  "everything-min": z.int().min(2).default(5),
  /** Resets and timeouts of so many destinations within so long are the network's. */
  "network-window": Duration.prefault("10s"),
  "network-destinations": z.int().min(2).default(3),
  /** For the correlator: so late a record still re-evaluates its keys. */
  "allowed-lateness": Duration.prefault("7d"),
  /** So near to an accepted connection of its key an unused one is a spare socket. */
  "spare-window": Duration.prefault("10s"),
  /** A refusal with acceptances of other domains on both sides within so long was one of a client that
   * trusts our CA; */
  "trust-within": Duration.prefault("1h"),
  /** with an acceptance on one side only, and nothing else refused, within so long. */
  "trust-near": Duration.prefault("30m"),
  /** For `confirmed` so many domains are accepted for each other one that is refused in the same time, by
   * an app or a program, */
  "app-accepts": z.number().min(0).default(2),
  /** and by the stack that all apps share. */
  "stack-accepts": z.number().min(0).default(4),
})
export type ScopeSettings = z.infer<typeof ScopeSettings>

export const HostPatternText = z.string().superRefine((text, context) => {
  try {
    parseHostPattern(text)
  } catch (fault) {
    context.addIssue({ code: "custom", message: fault instanceof Error ? fault.message : "" })
  }
})

/** Lower-case hex without colons, so that two spellings of one fingerprint are equal. */
const Signer = z
  .string()
  .regex(/^(?:[0-9a-fA-F]{2}:?){32}$/, "a SHA-256 in hex, or any")
  .transform((text) => text.replaceAll(":", "").toLowerCase())

/**
 * An app that is expected to pin. A bare id takes its signer from the app register; `any` says that
 * the signer does not matter, for platforms whose sources do not tell it.
 */
export const AllowedApp = z.union([
  z.string().min(1),
  z.strictObject({
    app: z.string().min(1),
    "signer-sha256": z.union([z.literal("any"), Signer]),
  }),
])
export type AllowedApp = z.infer<typeof AllowedApp>

/** A destination approved for every app, or the destinations of one app. */
export const AllowedDestination = z.union([
  HostPatternText,
  z.strictObject({ app: z.string().min(1), destinations: z.array(HostPatternText).min(1) }),
])
export type AllowedDestination = z.infer<typeof AllowedDestination>

/** Tunables of AN1725 in the catalogue's order. */
export const An1725Settings = z.strictObject({
  /** From the trust customisation to the session after it. */
  TimeWindow: Duration.prefault("10m"),
  AllowedAppList: z.array(AllowedApp).default([]),
  /** Approved for the app: the yardstick of the term D, and part of the allowed triple. */
  AllowedDestinationList: z.array(AllowedDestination).default([]),
  ForegroundStateRequired: z.boolean().default(true),
  InspectionFailureThreshold: z.int().min(1).default(3),
  /** From a refusal to the direct try after it. */
  RetryPatternWindow: Duration.prefault("15m"),
})
export type An1725Settings = z.infer<typeof An1725Settings>

/** Tunables of AN1726 in the catalogue's order: there is no RetryPatternWindow. */
export const An1726Settings = z.strictObject({
  /** From the lifecycle event to the failure or session after it. */
  TimeWindow: Duration.prefault("15m"),
  AllowedAppList: z.array(AllowedApp).default([]),
  /** Approved to be pinned. */
  AllowedDestinationList: z.array(AllowedDestination).default([]),
  ForegroundStateRequired: z.boolean().default(true),
  InspectionFailureThreshold: z.int().min(1).default(3),
})
export type An1726Settings = z.infer<typeof An1726Settings>

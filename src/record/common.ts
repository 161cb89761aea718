/**
 * What every record carries, and the small types that all records share.
 *
 * Records are plain objects with snake_case keys: the same words in code, tables, logs and exports.
 * A value that is not known is `null`, never absent and never `false` (three-valued logic).
 */
import { z } from "zod"

/** RFC 3339 in UTC with milliseconds, the only form of time in a record: 2026-11-21T01:02:03.004Z. */
export const Timestamp = z.iso.datetime({ precision: 3 })

/** A time given by another system: any RFC 3339 form, kept as UTC with milliseconds. */
export const AnyTimestamp = z.iso
  .datetime({ offset: true, local: false })
  .transform((text, context) => {
    const utc = new Date(text).toISOString()
    // 9999-12-31T23:59:59-01:00 lies in a year of six digits, which no reader takes.
    if (utc.length === 24) return utc
    context.addIssue({ code: "custom", message: "lies beyond the years 0000 to 9999 of UTC" })
    return z.NEVER
  })

/** An identifier of a record: up to 128 printable characters without spaces. */
export const RecordId = z.string().regex(/^[\x21-\x7e]{1,128}$/, "1-128 printable characters")

/** The fields that every record has from its first version on. */
export const common = {
  /** Whose records these are; evidence of two tenants is never joined. */
  tenant: z.string().min(1),
  /** Where it was seen; also the realm in which a client address means one device. */
  site: z.string().min(1),
  /** Which sensor (or importer) wrote the record. */
  sensor_id: z.string().min(1),
  /** Version of the record's schema. */
  v: z.literal(1),
  id: RecordId,
  /** When it happened (event time). For attempts and flows: when the connection was accepted. */
  observed_at: AnyTimestamp,
}

/** What policy decides for a connection. */
export const DecisionKind = z.enum(["inspect", "splice", "block"])
export type DecisionKind = z.infer<typeof DecisionKind>

/** Why a connection was spliced. Only `trial` is made to observe; all others are our own choice. */
export const SpliceCause = z.enum([
  "operator",
  "platform",
  "private",
  "trial",
  "learned",
  "overload",
  "untrusted-origin",
  "client-certificate",
])
export type SpliceCause = z.infer<typeof SpliceCause>

/** Which decision was taken for a connection, by which rule, under which sensor configuration. */
export const decided = {
  decision: DecisionKind,
  /** Name of the policy rule or id of the register entry that decided. */
  rule: z.string(),
  splice_cause: SpliceCause.nullable(),
  /** SHA-256 (hex) of the inspection CA in force; null where none was, as in imported flows. */
  issuing_ca: z.string().nullable(),
  /** Identifier of the sensor configuration in force: evidence is compared only within one. */
  sensor_config: z.string(),
}

/** Whose doing something was. */
export const Party = z.enum(["client", "origin", "sensor"])
export type Party = z.infer<typeof Party>

export const Platform = z.enum(["android", "ios", "other", "unknown"])
export type Platform = z.infer<typeof Platform>

/** A managed phone may hold two profiles with separate trust stores. */
export const Profile = z.enum(["device", "work", "personal"])
export type Profile = z.infer<typeof Profile>

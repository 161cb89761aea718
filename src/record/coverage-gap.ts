/** What the sensor does not see, by name: the same in configuration, reports, findings and acceptances. */
import { z } from "zod"
import { AnyTimestamp, common } from "./common.ts"

export const GapName = z.enum([
  /** Connections from addresses that name no single device. */
  "unbound",
  /** Connections whose app is not known. */
  "unknown-app",
  /** Devices that were seen and that MDM does not say it manages. */
  "unmanaged",
  /** Managed devices that were never seen: they go around the sensor. */
  "unseen",
  /** Sources of identity or telemetry that fell silent. */
  "stale-source",
  /** Devices that no MDM listed lately: their postures are old. */
  "stale-posture",
  /** Devices of a platform of which no agent tells. */
  "no-telemetry",
  /** Managed apps that the app register does not know. */
  "undeclared-app",
  "no-sni",
  /** Encrypted ClientHello for another name than the outer one. */
  "ech",
  "quic",
  /** Bytes that were not inspected, by cause. */
  "not-inspected",
])
export type GapName = z.infer<typeof GapName>

/** A person lives with a gap, and says what stands in for what is not seen. */
export const CoverageAcceptance = z.strictObject({
  ...common,
  gap: GapName,
  /** A platform, a source, a cause; null: the gap in all its parts. */
  part: z.string().nullable().default(null),
  owner: z.string().min(1).max(200),
  reason: z.string().min(1).max(2_000),
  /** The compensating control. */
  control: z.string().min(1).max(2_000),
  /** From here on it counts no longer. */
  review_at: AnyTimestamp,
  /** The account that said it. */
  who: z.string().min(1).max(400),
  /** It takes back what was accepted of this gap and part. */
  withdrawn: z.boolean().default(false),
})
export type CoverageAcceptance = z.infer<typeof CoverageAcceptance>

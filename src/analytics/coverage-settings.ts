/** What the operator configures of coverage; the defaults are ours. */
import { z } from "zod"
import { Duration } from "../record/duration.ts"

const share = (by: number) => z.number().min(0).max(1).default(by)

/** Above it a gap is a finding. Shares of 0 to 1. */
export const CoverageThresholds = z.strictObject({
  unbound: share(0.2),
  "unknown-app": share(0.98),
  unmanaged: share(0.2),
  unseen: share(0.5),
  /** Any silent source is one too many. */
  "stale-source": share(0),
  "stale-posture": share(0.1),
  "no-telemetry": share(0.5),
  "undeclared-app": share(0.5),
  "no-sni": share(0.05),
  ech: share(0.05),
  quic: share(0.2),
  "not-inspected": share(0.5),
})

export const CoverageSettings = z.strictObject({
  /** How far back is looked. */
  window: Duration.refine((ms) => ms >= 3_600_000, "is at least 1h").prefault("7d"),
  /** A source that said nothing good for so long is silent; a posture is old after three times that. */
  "stale-after": Duration.prefault("24h"),
  /** Fewer devices or connections than that say nothing in shares. */
  "at-least": z.int().min(1).default(20),
  thresholds: CoverageThresholds.prefault({}),
})
export type CoverageSettings = z.infer<typeof CoverageSettings>

/** An incident: findings of one (tenant, app or stack, registrable domain, analytic) over devices. */
import { z } from "zod"
import { AnyTimestamp, common } from "./common.ts"
import { Confidence, Finding, Severity } from "./finding.ts"

export const Incident = z.strictObject({
  ...common,
  analytic: Finding.shape.analytic,
  analytic_version: z.string(),
  app_id: z.string().nullable(),
  stack: z.string().nullable(),
  registrable_domain: z.string(),
  confidence: Confidence,
  severity: Severity,
  state: z.enum(["open", "closed"]),
  /** The devices and findings rolled up, oldest first; at most 100 ids are listed. */
  device_count: z.int(),
  device_ids: z.array(z.string()).max(100),
  finding_ids: z.array(z.string()).max(100),
  /** The finding that carries the incident: the surest, and among those the earliest. */
  lead_finding: z.string(),
  first_seen: AnyTimestamp,
  last_seen: AnyTimestamp,
})
export type Incident = z.infer<typeof Incident>

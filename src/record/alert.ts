/** An alert: an incident's news that leaves the house. */
import { z } from "zod"
import { common, Platform } from "./common.ts"
import { Channel, Confidence, DeviceAttribution, Finding, Severity } from "./finding.ts"

export const AlertNews = z.enum(["opened", "raised", "lowered", "closed"])
export type AlertNews = z.infer<typeof AlertNews>

export const Alert = z.strictObject({
  ...common,
  news: AlertNews,
  incident_id: z.string(),
  analytic: Finding.shape.analytic,
  analytic_version: z.string(),
  confidence: Confidence,
  severity: Severity,
  /** One sentence for a human: what was seen, of whom, how sure. */
  summary: z.string(),
  platform: Platform,
  device_id: z.string(),
  device_attribution: DeviceAttribution,
  device_count: z.int(),
  user: z.string().nullable(),
  client_ip: z.string().nullable(),
  app_id: z.string().nullable(),
  app_version: z.string().nullable(),
  app_attribution: Finding.shape.app_attribution,
  stack: z.string().nullable(),
  destination: z.string(),
  registrable_domain: z.string(),
  verdict: Finding.shape.verdict,
  refusals: z.int(),
  control_flows: z.int(),
  channels: z.array(Channel.omit({ evidence_ids: true })),
  reasons: z.array(z.string()),
  finding_id: z.string(),
  /** The first 20 records behind it; `explain` lists them all. */
  evidence_ids: z.array(z.string()).max(20),
})
export type Alert = z.infer<typeof Alert>

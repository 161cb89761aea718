/** An alert: an incident's news that leaves the house. */
import { z } from "zod"
import { common, Platform } from "./common.ts"
import {
  Channel,
  Confidence,
  DeviceAttribution,
  Finding,
  FindingLabel,
  Severity,
} from "./finding.ts"

/** `digest`: no news of one incident, but of what the day's budget held back. */
export const AlertNews = z.enum(["opened", "raised", "lowered", "closed", "digest"])
export type AlertNews = z.infer<typeof AlertNews>
export type IncidentNews = Exclude<AlertNews, "digest">

/** What a budget held back since the last digest. Counts are whole; ids and names are the first ones. */
export const Digest = z.strictObject({
  /** Day of the budget, in UTC. */
  day: z.string(),
  budget: z.int(),
  /** Alerts that went out on that day by then. */
  sent: z.int(),
  held: z.int(),
  /** The most frequent first. */
  by_analytic: z.array(z.strictObject({ name: z.string(), count: z.int() })).max(20),
  by_app: z.array(z.strictObject({ name: z.string(), count: z.int() })).max(20),
  by_domain: z.array(z.strictObject({ name: z.string(), count: z.int() })).max(20),
  incident_ids: z.array(z.string()).max(100),
  /** Alerts that were held: `pinsensor export alerts` has them, with `state` held. */
  alert_ids: z.array(z.string()).max(100),
})
export type Digest = z.infer<typeof Digest>

/** Whose that address was: ids of the binding that was believed and of those that held as well, surest first. */
export const AlertBinding = z.strictObject({
  binding_id: z.string().nullable(),
  losers: z.array(z.string()).max(20),
})
export type AlertBinding = z.infer<typeof AlertBinding>

export const Alert = z.strictObject({
  ...common,
  news: AlertNews,
  incident_id: z.string(),
  analytic: z.enum([...Finding.shape.analytic.options, "alert-budget"]),
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
  /** Of `client_ip` at the time of the newest connection; null without one. */
  binding: AlertBinding.nullable().default(null),
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
  /** `held`: the day's budget was spent; it stands here for whoever looks, and was not sent under this id. */
  state: z.enum(["sent", "held"]).default("sent"),
  /** The label of the lead finding. */
  label: FindingLabel.nullable().default(null),
  digest: Digest.nullable().default(null),
})
export type Alert = z.infer<typeof Alert>

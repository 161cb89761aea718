/**
 * Turns the state of an incident into news for the outside, or into silence.
 *
 * In: an incident, its lead finding, and what the outside was told before. Out: an alert or none, and the
 * state to store with the incident in the same transaction as the alert. It must not know sinks.
 */
import { createHash } from "node:crypto"
import { z } from "zod"
import { type Alert, AlertNews } from "../record/alert.ts"
import { durationText } from "../record/duration.ts"
import { Confidence, type Finding, Severity } from "../record/finding.ts"
import type { Incident } from "../record/incident.ts"
import type { AlertSettings } from "./settings.ts"
import { summary } from "./summary.ts"

const level = { confidence: Confidence, severity: Severity }
type Level = { confidence: Confidence; severity: Severity }

/** What the caller stores with the incident. */
export const AlertState = z.strictObject({
  v: z.literal(1),
  /**
   * Tells apart pieces of news that are otherwise alike. It counts the openings, and every `raised` that
   * follows a fall or that tells of more devices at an unchanged level; a plain climb, a lowering and
   * a closing keep it, because within one generation their levels cannot come twice.
   */
  generation: z.int(),
  /** What the outside believes; null: it was never told of the incident. */
  told: z.strictObject({ news: AlertNews, ...level, device_count: z.int() }).nullable(),
  /** Levels told upwards within the suppression window: one entry a level, so at most 4 x 5. */
  recent: z.array(z.strictObject({ ...level, at_ms: z.number() })).max(20),
  /**
   * Epoch milliseconds when suppressed news falls due, else null. Evaluate the incident again then, even
   * without new evidence: the outside believes less than is so until that is done.
   */
  revisit_at_ms: z.number().nullable(),
})
export type AlertState = z.infer<typeof AlertState>

export interface RaiseInput {
  incident: Incident
  /** The incident's lead finding, whose words the alert uses. */
  lead: Finding
  /** Who used the lead's device, and its last address, where known. */
  device: { user: string | null; client_ip: string | null }
  previous: AlertState | null
  settings: AlertSettings
  /** Epoch milliseconds; only suppression looks at it, never a field of the alert. */
  now: number
}

export interface Raised {
  alert: Alert | null
  state: AlertState
  /** Why there is an alert or none, for the log and for `explain`. */
  why: string
}

export function raise(input: RaiseInput): Raised {
  const { incident, settings, now } = input
  const windowMs = settings["suppress-for"]
  const before = current(input.previous, now, windowMs)
  const news = newsOf(input, before)
  if ("silent" in news) return { alert: null, state: before, why: news.silent }
  if (news.is === "lowered" || news.is === "closed") return tell(input, before, news, before.recent)

  const covering = before.recent.filter((told) => news.growth || covers(told, incident))
  if (covering.length > 0) {
    const due = Math.max(...covering.map((told) => told.at_ms)) + windowMs
    return {
      alert: null,
      state: { ...before, revisit_at_ms: due },
      why: `${news.is} is suppressed: ${news.growth ? "news of this incident" : "this level"} was told within ${durationText(windowMs)}`,
    }
  }
  const others = before.recent.filter((told) => compare(told, incident) !== "same")
  const entry = { confidence: incident.confidence, severity: incident.severity, at_ms: now }
  return tell(input, before, news, windowMs > 0 ? [...others, entry] : [])
}

type News =
  | { is: AlertNews; growth: boolean; newGeneration: boolean; why: string }
  | { silent: string }

/** What there is to tell, before suppression. */
function newsOf({ incident, lead, settings }: RaiseInput, before: AlertState): News {
  const { told } = before
  const open = told !== null && told.news !== "closed" ? told : null
  const plain = { growth: false, newGeneration: false }
  if (lead.expected || incident.state === "closed") {
    const why = lead.expected ? "declared as expected" : "the incident is closed"
    return open ? { ...plain, is: "closed", why } : { silent: `${why}, and nobody was told of it` }
  }
  const minimum = settings["minimum-confidence"]
  if (CONFIDENCE[incident.confidence] < CONFIDENCE[minimum]) {
    const why = `confidence ${incident.confidence} is below the minimum ${minimum}`
    const toldAbove = open && CONFIDENCE[open.confidence] >= CONFIDENCE[minimum]
    return toldAbove ? { ...plain, is: "lowered", why } : { silent: why }
  }
  if (!open) return { is: "opened", growth: false, newGeneration: true, why: "not open outside" }
  switch (compare(open, incident)) {
    case "rose": {
      const fell = open.news === "lowered" || !covers(incident, open)
      return { is: "raised", growth: false, newGeneration: fell, why: "the level rose" }
    }
    case "fell":
      return { ...plain, is: "lowered", why: "the level fell" }
    case "same":
      return incident.device_count > open.device_count
        ? { is: "raised", growth: true, newGeneration: true, why: "more devices" }
        : { silent: "nothing new at this level" }
  }
}

function tell(
  input: RaiseInput,
  before: AlertState,
  news: Exclude<News, { silent: string }>,
  recent: AlertState["recent"],
): Raised {
  const { confidence, severity, device_count } = input.incident
  const generation = before.generation + (news.newGeneration ? 1 : 0)
  return {
    alert: alertOf(input, news.is, generation, before.told),
    state: {
      v: 1,
      generation,
      told: { news: news.is, confidence, severity, device_count },
      recent,
      revisit_at_ms: null,
    },
    why: `${news.is}: ${news.why}`,
  }
}

/** The state before this evaluation, without what has left the suppression window. */
function current(previous: AlertState | null, now: number, windowMs: number): AlertState {
  const state = previous ?? { v: 1, generation: 0, told: null, recent: [], revisit_at_ms: null }
  const recent = state.recent.filter((told) => now - told.at_ms < windowMs)
  return { ...state, recent, revisit_at_ms: null }
}

const CONFIDENCE: Readonly<Record<Confidence, number>> = { record: 0, low: 1, medium: 2, high: 3 }
const SEVERITY: Readonly<Record<Severity, number>> = {
  informational: 0,
  low: 1,
  medium: 2,
  high: 3,
  critical: 4,
}

/** A rise of either part is an escalation, even where the other fell. */
function compare(from: Level, to: Level): "rose" | "same" | "fell" {
  if (!covers(from, to)) return "rose"
  return covers(to, from) ? "same" : "fell"
}

/** Whether who was told `told` knows of `level` already. */
function covers(told: Level, level: Level): boolean {
  return (
    CONFIDENCE[told.confidence] >= CONFIDENCE[level.confidence] &&
    SEVERITY[told.severity] >= SEVERITY[level.severity]
  )
}

function alertOf(
  { incident, lead, device }: RaiseInput,
  news: AlertNews,
  generation: number,
  told: AlertState["told"],
): Alert {
  return {
    tenant: incident.tenant,
    site: incident.site,
    sensor_id: incident.sensor_id,
    v: 1,
    id: alertId(incident, news, generation),
    observed_at: incident.last_seen,
    news,
    incident_id: incident.id,
    analytic: incident.analytic,
    analytic_version: incident.analytic_version,
    confidence: incident.confidence,
    severity: incident.severity,
    summary: summary(news, incident, lead, told),
    platform: lead.platform,
    device_id: lead.key.device_id,
    device_attribution: lead.device_attribution,
    device_count: incident.device_count,
    user: device.user,
    client_ip: device.client_ip,
    app_id: lead.key.app_id,
    app_version: lead.key.app_version,
    app_attribution: lead.app_attribution,
    stack: lead.key.stack,
    destination: lead.key.destination,
    registrable_domain: incident.registrable_domain,
    verdict: lead.verdict,
    refusals: lead.refusals,
    control_flows: lead.control_flows,
    channels: lead.channels.map(({ evidence_ids: _, ...channel }) => channel),
    reasons: lead.reasons,
    finding_id: lead.id,
    evidence_ids: lead.evidence_ids.slice(0, 20),
  }
}

/** The same news computed again has the same id, so that a receiver can drop what it has. */
function alertId(incident: Incident, news: AlertNews, generation: number): string {
  const { tenant, id, confidence, severity } = incident
  return createHash("sha256")
    .update([tenant, id, news, confidence, severity, generation].join("|"))
    .digest("hex")
    .slice(0, 32)
}

/**
 * Turns the state of an incident into news for the outside, or into silence.
 *
 * In: an incident, its lead finding, and what the outside was told before. Out: an alert or none, and the
 * state to store with the incident in the same transaction as the alert. It must not know sinks.
 */
import { createHash } from "node:crypto"
import { z } from "zod"
import { type Alert, type AlertBinding, AlertNews, type IncidentNews } from "../record/alert.ts"
import { durationText } from "../record/duration.ts"
import {
  Confidence,
  type Finding,
  isMalicious,
  isSilenced,
  ScopeVerdict,
  Severity,
} from "../record/finding.ts"
import type { Incident } from "../record/incident.ts"
import type { AlertSettings } from "./settings.ts"
import { summary } from "./summary.ts"

const level = { confidence: Confidence, severity: Severity }
type Level = { confidence: Confidence; severity: Severity }

/** Times that news broke through suppression because of a label; the oldest goes. One label has eight at most. */
const mostReopened = 20

/** What the caller stores with the incident. */
export const AlertState = z.strictObject({
  v: z.literal(1),
  /**
   * Tells apart pieces of news that are otherwise alike. It counts the openings, and every `raised` that
   * follows a fall or that tells of something else at an unchanged level; a plain climb, a lowering and
   * a closing keep it, because within one generation their levels cannot come twice.
   */
  generation: z.int(),
  /** What the outside believes; null: it was never told of the incident. */
  told: z
    .strictObject({
      news: AlertNews,
      ...level,
      device_count: z.int(),
      /** The surest verdict told; null in states from before it was kept: then it is no news. */
      verdict: ScopeVerdict.nullable().default(null),
    })
    .nullable(),
  /** Levels told upwards within the suppression window: one entry a level, so at most 4 x 5 x 2. */
  recent: z
    .array(
      z.strictObject({
        ...level,
        at_ms: z.number(),
        /** As confirmed. */ proven: z.boolean().default(true),
      }),
    )
    .max(40),
  /**
   * Epoch milliseconds when suppressed news falls due, else null. Evaluate the incident again then, even
   * without new evidence: the outside believes less than is so until that is done.
   */
  revisit_at_ms: z.number().nullable(),
  /** The label that closed it outside, while it does. */
  closed_by: z.string().nullable().default(null),
  /** What has become of labels and was told (`<label id>:<what>`), each once: news of it is not suppressed. */
  reopened: z.array(z.string()).max(mostReopened).default([]),
  /** What the day's budget holds back of it; `revisit_at_ms` says until when. */
  held: z.strictObject({ alert_id: z.string(), day: z.string() }).nullable().default(null),
})
export type AlertState = z.infer<typeof AlertState>

export interface RaiseInput {
  incident: Incident
  /** The incident's lead finding, whose words the alert uses. */
  lead: Finding
  /** Who used the lead's device, its last address and whose that was, where known. */
  device: () => { user: string | null; client_ip: string | null; binding: AlertBinding | null }
  previous: AlertState | null
  settings: AlertSettings
  /** Epoch milliseconds; only suppression looks at it, never a field of the alert. */
  now: number
}

export interface Raised {
  alert: Alert | null
  state: AlertState
  /** The state if the alert is held back: as if nothing had been told. */
  untold: AlertState
  /** Why there is an alert or none, for the log and for `explain`. */
  why: string
}

export function raise(input: RaiseInput): Raised {
  const { incident, settings, now } = input
  const windowMs = settings["suppress-for"]
  const before = current(input.previous, now, windowMs)
  const news = newsOf(input, before)
  if ("silent" in news) {
    const state = { ...before, held: null }
    return { alert: null, state, untold: state, why: news.silent }
  }
  if (news.is === "lowered" || news.is === "closed") return tell(input, before, news, before.recent)

  const level = { ...pick(incident), proven: isProven(input.lead) }
  const covering = before.recent.filter(
    (told) => news.fresh.length === 0 && (news.growth || coversAll(told, level)),
  )
  if (covering.length > 0) {
    const due = Math.max(...covering.map((told) => told.at_ms)) + windowMs
    const state = { ...before, revisit_at_ms: due }
    return {
      alert: null,
      state,
      untold: state,
      why: `${news.is} is suppressed: ${news.growth ? "news of this incident" : "this level"} was told within ${durationText(windowMs)}`,
    }
  }
  const others = before.recent.filter(
    (told) => compare(told, incident) !== "same" || told.proven !== level.proven,
  )
  const entry = { ...level, at_ms: now }
  return tell(input, before, news, windowMs > 0 ? [...others, entry] : [])
}

type News =
  | {
      is: IncidentNews
      growth: boolean
      newGeneration: boolean
      why: string
      /** What has become of labels and was not told yet. */
      fresh: readonly string[]
    }
  | { silent: string }

/** What there is to tell, before suppression. */
function newsOf({ incident, lead, settings }: RaiseInput, before: AlertState): News {
  const { told } = before
  const open = told !== null && told.news !== "closed" ? told : null
  const fresh = becameOf(lead, before).filter((each) => !before.reopened.includes(each))
  const plain = { growth: false, newGeneration: false, fresh }
  const loud = isMalicious(lead)
  if ((lead.expected && !loud) || incident.state === "closed") {
    const why = isSilenced(lead)
      ? `marked as ${lead.label?.label}`
      : lead.expected
        ? "declared as expected"
        : "the incident is closed"
    return open ? { ...plain, is: "closed", why } : { silent: `${why}, and nobody was told of it` }
  }
  const minimum = settings["minimum-confidence"]
  if (!loud && CONFIDENCE[incident.confidence] < CONFIDENCE[minimum]) {
    const why = `confidence ${incident.confidence} is below the minimum ${minimum}`
    const toldAbove = open && CONFIDENCE[open.confidence] >= CONFIDENCE[minimum]
    return toldAbove ? { ...plain, is: "lowered", why } : { silent: why }
  }
  const again =
    fresh.length > 0 ? (lead.label?.why ?? ["no label covers it any more"]).join(" ") : null
  if (!open)
    return { ...plain, is: "opened", newGeneration: true, why: again ?? "not open outside" }
  switch (compare(open, incident)) {
    case "rose": {
      const fell = open.news === "lowered" || !covers(incident, open)
      return { ...plain, is: "raised", newGeneration: fell, why: again ?? "the level rose" }
    }
    case "fell":
      return { ...plain, is: "lowered", why: "the level fell" }
    case "same": {
      const raised = { ...plain, is: "raised" as const, newGeneration: true }
      if (again !== null) return { ...raised, why: again }
      if (isProven(lead) && !wasProven(open))
        return { ...raised, why: `the verdict is confirmed, after ${open.verdict}` }
      return incident.device_count > open.device_count
        ? { ...raised, growth: true, why: "more devices" }
        : { silent: "nothing new at this level" }
    }
  }
}

function tell(
  input: RaiseInput,
  before: AlertState,
  news: Exclude<News, { silent: string }>,
  recent: AlertState["recent"],
): Raised {
  const { confidence, severity, device_count } = input.incident
  const { lead } = input
  const generation = before.generation + (news.newGeneration ? 1 : 0)
  return {
    alert: alertOf(input, news.is, generation, before.told),
    state: {
      v: 1,
      generation,
      told: { news: news.is, confidence, severity, device_count, verdict: lead.verdict },
      recent,
      revisit_at_ms: null,
      closed_by: news.is === "closed" && isSilenced(lead) ? (lead.label?.label_id ?? null) : null,
      reopened: [...before.reopened, ...news.fresh].slice(-mostReopened),
      held: null,
    },
    untold: before,
    why: `${news.is}: ${news.why}`,
  }
}

/** The state before this evaluation, without what has left the suppression window. What was told at a time that
 * lies far ahead was told by a clock that has been set back since. */
function current(previous: AlertState | null, now: number, windowMs: number): AlertState {
  const state = previous ?? unknownOutside
  const recent = state.recent.filter((told) => Math.abs(now - told.at_ms) < windowMs)
  return { ...state, recent, revisit_at_ms: null }
}

const unknownOutside: AlertState = {
  v: 1,
  generation: 0,
  told: null,
  recent: [],
  revisit_at_ms: null,
  closed_by: null,
  reopened: [],
  held: null,
}

/** What has become of the labels that silenced the incident. Each is told once, at once: it is a person's word that
 * ended, or what it was about that changed, and no flapping. */
function becameOf({ label }: Finding, { closed_by }: AlertState): string[] {
  switch (label?.standing) {
    case "reopened":
      return label.signs.map((sign) => `${label.label_id}:${sign}`)
    case "expired":
      return closed_by === label.label_id ? [`${closed_by}:expired`] : []
    case "in-force":
      return label.label === "malicious" ? [`${label.label_id}:malicious`] : []
    case "lowered":
    case undefined:
      return closed_by === null ? [] : [`${closed_by}:over`]
  }
}

function isProven({ verdict }: Pick<Finding, "verdict">): boolean {
  return verdict === "confirmed"
}

function wasProven({ verdict }: NonNullable<AlertState["told"]>): boolean {
  return verdict === null || verdict === "confirmed"
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

function coversAll(
  told: AlertState["recent"][number],
  level: Level & { proven: boolean },
): boolean {
  return covers(told, level) && (told.proven || !level.proven)
}

function pick({ confidence, severity }: Level): Level {
  return { confidence, severity }
}

function alertOf(
  { incident, lead, device }: RaiseInput,
  news: IncidentNews,
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
    ...device(),
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
    reasons: [...(lead.label?.why ?? []), ...lead.reasons],
    finding_id: lead.id,
    evidence_ids: lead.evidence_ids.slice(0, 20),
    state: "sent",
    label: lead.label ?? null,
    digest: null,
  }
}

/** The same news computed again has the same id, so that a receiver can drop what it has. */
function alertId(incident: Incident, news: IncidentNews, generation: number): string {
  const { tenant, id, confidence, severity } = incident
  return createHash("sha256")
    .update([tenant, id, news, confidence, severity, generation].join("|"))
    .digest("hex")
    .slice(0, 32)
}

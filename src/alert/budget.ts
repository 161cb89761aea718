/**
 * The budget of alerts a day: how many a desk can look at. In: the news of incidents, what each tenant has spent,
 * the time. Out: the same news, some of it held back, digests of what was held, and what is spent now, all to be
 * stored in one transaction. It must not know sinks.
 *
 * Only alerts of medium level or below wait, and only those that open or raise: a high one, what a person called
 * malicious, a fault of the sensor, and news that takes something off the desk always pass.
 */
import { createHash } from "node:crypto"
import { z } from "zod"
import type { Alert } from "../record/alert.ts"
import { type Finding, isMalicious } from "../record/finding.ts"
import type { Incident } from "../record/incident.ts"
import type { Raised } from "./raise.ts"

const hour = 3_600_000
const day = 24 * hour

/** Distinct names counted between two digests; what is beyond is counted as `others`. */
const mostNames = 500
const others = "others"
/** As record/alert.ts lists them. */
const listedIds = 100
const listedNames = 20

const Counts = z.record(z.string(), z.int())

/** What is stored of a tenant. */
export const BudgetState = z.strictObject({
  v: z.literal(1),
  /** UTC day of the counts. */
  day: z.string(),
  /** Opened and raised on that day, and those among them that had waited since an earlier one. */
  sent: z.int(),
  late: z.int(),
  digests: z.int(),
  /** Epoch milliseconds when what is held is to be told, else null. */
  digest_due_ms: z.number().nullable(),
  /** Held since the last digest. */
  held: z.strictObject({
    count: z.int(),
    by_analytic: Counts,
    by_app: Counts,
    by_domain: Counts,
    incident_ids: z.array(z.string()).max(listedIds),
    alert_ids: z.array(z.string()).max(listedIds),
  }),
})
export type BudgetState = z.infer<typeof BudgetState>

export interface Candidate {
  incident: Incident
  lead: Finding
  raised: Raised
}

export interface BudgetSettings {
  budget: number | null
}

export interface Budgeted {
  incidents: { incident: Incident; raised: Raised }[]
  digests: Alert[]
  /** Those that changed. */
  states: { tenant: string; state: BudgetState }[]
  /** Tenants whose budget has just been spent, with what they sent. */
  spent: { tenant: string; day: string; budget: number }[]
}

export interface BudgetInput {
  candidates: readonly Candidate[]
  states: readonly { tenant: string; state: BudgetState }[]
  settings: BudgetSettings
  /** Who writes a digest: it spans sites and sensors. */
  writer: { site: string; sensor_id: string }
  /** Wall clock in epoch milliseconds: a desk works by it, as suppression does. */
  now: number
}

export function withinBudget({ candidates, states, settings, writer, now }: BudgetInput): Budgeted {
  const before = new Map(states.map(({ tenant, state }) => [tenant, state]))
  const after = new Map<string, BudgetState>()
  const digests: Alert[] = []
  const spent: Budgeted["spent"] = []
  const stateOf = (tenant: string): BudgetState => {
    const known = after.get(tenant)
    if (known) return known
    const { state, digest } = rolled(before.get(tenant) ?? null, tenant, { settings, writer, now })
    if (digest) digests.push(digest)
    after.set(tenant, state)
    return state
  }
  for (const tenant of before.keys()) stateOf(tenant)
  const incidents = candidates.map(({ incident, lead, raised }) => {
    const { alert, untold } = raised
    if (!alert || (alert.news !== "opened" && alert.news !== "raised")) return { incident, raised }
    const state = stateOf(incident.tenant)
    const late = untold.held !== null && untold.held.day < state.day
    if (mayGo(state, settings.budget, late) || alwaysPasses(alert, lead)) {
      after.set(incident.tenant, {
        ...state,
        sent: state.sent + 1,
        late: state.late + (late ? 1 : 0),
      })
      return { incident, raised }
    }
    const held = heldBack(raised, alert, state.day)
    if (untold.held?.alert_id !== held.alert.id || untold.held.day !== state.day) {
      if (state.held.count === 0 && state.digests === 0)
        spent.push({ tenant: incident.tenant, day: state.day, budget: settings.budget ?? 0 })
      after.set(incident.tenant, counted(state, held.alert, now))
    }
    return { incident, raised: held }
  })
  const changed = [...after].filter(
    ([tenant, state]) => JSON.stringify(before.get(tenant)) !== JSON.stringify(state),
  )
  return {
    incidents,
    digests,
    states: changed.map(([tenant, state]) => ({ tenant, state })),
    spent,
  }
}

/** What waited since an earlier day takes half of a day's budget at most: there must be room for what is new. */
function mayGo({ sent, late: gone }: BudgetState, budget: number | null, late: boolean): boolean {
  if (budget === null) return true
  return sent < budget && !(late && gone >= Math.ceil(budget / 2))
}

function alwaysPasses({ confidence, severity, analytic }: Alert, lead: Finding): boolean {
  const high = confidence === "high" || severity === "high" || severity === "critical"
  return high || analytic === "sensor-fault" || isMalicious(lead)
}

/** As if nothing had been told: the incident is looked at again when a new day begins, and its news of then goes out.
 * What is held is stored under an id of its own, since nobody received it. */
function heldBack(raised: Raised, alert: Alert, today: string): Raised & { alert: Alert } {
  const held: Alert = { ...alert, id: digestOf([alert.id, "held"]), state: "held" }
  return {
    alert: held,
    state: {
      ...raised.untold,
      revisit_at_ms: Date.parse(today) + day,
      held: { alert_id: held.id, day: today },
    },
    untold: raised.untold,
    why: `${raised.why}, held: the budget of ${today} is spent`,
  }
}

function counted(state: BudgetState, alert: Alert, now: number): BudgetState {
  const { held } = state
  return {
    ...state,
    digest_due_ms: state.digest_due_ms ?? now + hour,
    held: {
      count: held.count + 1,
      by_analytic: oneMore(held.by_analytic, alert.analytic),
      by_app: oneMore(held.by_app, alert.app_id ?? `stack ${alert.stack ?? "unknown"}`),
      by_domain: oneMore(held.by_domain, alert.registrable_domain),
      incident_ids: [...new Set([...held.incident_ids, alert.incident_id])].slice(0, listedIds),
      alert_ids: [...new Set([...held.alert_ids, alert.id])].slice(0, listedIds),
    },
  }
}

function oneMore(counts: Record<string, number>, name: string): Record<string, number> {
  const full = !Object.hasOwn(counts, name) && Object.keys(counts).length >= mostNames
  const under = full ? others : name
  return { ...counts, [under]: (Object.hasOwn(counts, under) ? (counts[under] ?? 0) : 0) + 1 }
}

interface Step {
  settings: BudgetSettings
  writer: BudgetInput["writer"]
  now: number
}

/** The state at this time: a digest when its hour is over or its day is, and a new day with a new budget. */
function rolled(
  before: BudgetState | null,
  tenant: string,
  step: Step,
): { state: BudgetState; digest: Alert | null } {
  const today = new Date(step.now).toISOString().slice(0, 10)
  if (before === null) return { state: newDay(today), digest: null }
  const isOver = before.day !== today
  const due = before.digest_due_ms
  // A clock that was set back must not make it wait.
  const isDue = due !== null && (step.now >= due || due - step.now > hour)
  const tells = before.held.count > 0 && (isOver || isDue)
  const digest = tells ? digestAlert(before, tenant, step) : null
  if (isOver) return { state: newDay(today), digest }
  if (!digest) return { state: before, digest }
  const { held } = newDay(today)
  return { state: { ...before, digests: before.digests + 1, digest_due_ms: null, held }, digest }
}

function newDay(today: string): BudgetState {
  return {
    v: 1,
    day: today,
    sent: 0,
    late: 0,
    digests: 0,
    digest_due_ms: null,
    held: {
      count: 0,
      by_analytic: {},
      by_app: {},
      by_domain: {},
      incident_ids: [],
      alert_ids: [],
    },
  }
}

/** One case a day: all digests of a day have one `incident_id`. */
function digestAlert(state: BudgetState, tenant: string, { settings, writer, now }: Step): Alert {
  const { held, day: of, sent, digests } = state
  const none = { device_id: "*", destination: "*", registrable_domain: "*" }
  return {
    tenant,
    ...writer,
    v: 1,
    // A clock that was set back begins a day again: its digests are others.
    id: digestOf([tenant, "alert-budget", of, String(digests), ...held.alert_ids.slice(0, 1)]),
    observed_at: new Date(now).toISOString(),
    news: "digest",
    incident_id: digestOf([tenant, "alert-budget", of]),
    analytic: "alert-budget",
    analytic_version: "1",
    confidence: "medium",
    severity: "medium",
    summary: `alert-budget: ${held.count} ${held.count === 1 ? "alert" : "alerts"} of medium level held back on ${of}, after ${sent} were sent (budget ${settings.budget ?? "none"}); look at them with pinsensor finding list`,
    platform: "unknown",
    ...none,
    device_attribution: "absent",
    device_count: 0,
    user: null,
    client_ip: null,
    binding: null,
    app_id: null,
    app_version: null,
    app_attribution: "unknown",
    stack: null,
    verdict: "undetermined",
    refusals: 0,
    control_flows: 0,
    channels: [],
    reasons: [],
    finding_id: "*",
    evidence_ids: [],
    state: "sent",
    label: null,
    digest: {
      day: of,
      budget: settings.budget ?? 0,
      sent,
      held: held.count,
      by_analytic: most(held.by_analytic),
      by_app: most(held.by_app),
      by_domain: most(held.by_domain),
      incident_ids: held.incident_ids,
      alert_ids: held.alert_ids,
    },
  }
}

function most(counts: Record<string, number>): { name: string; count: number }[] {
  return Object.entries(counts)
    .map(([name, count]) => ({ name, count }))
    .sort((a, b) => b.count - a.count || (a.name < b.name ? -1 : 1))
    .slice(0, listedNames)
}

function digestOf(parts: readonly string[]): string {
  return createHash("sha256").update(JSON.stringify(parts)).digest("hex").slice(0, 32)
}

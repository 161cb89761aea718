/**
 * One world's judgement beside its truth. Everything is counted as a part of a whole, so that worlds can be
 * added up and drawn again.
 */
import type { Alert } from "../../../src/record/alert.ts"
import type { Finding, ScopeVerdict } from "../../../src/record/finding.ts"
import { type Case, isEffect } from "../simulate/case-book.ts"
import { Evidence } from "./evidence.ts"
import { type Add, lastOf, missing, undetermined } from "./undetermined.ts"

export interface Judged {
  cases: readonly Case[]
  history: readonly { at: number; finding: Finding }[]
  alerts: readonly Alert[]
  phones: number
  start: number
  days: number
}

/** Part and whole, by the name of the metric. */
export type Parts = Record<string, [number, number]>

/** Fit for JSON. */
export interface WorldScore {
  parts: Parts
  /** Hours from the first refusal to `confirmed`. */
  hoursToDetection: number[]
  /** Confirmed, and no pin or anchors of its own: what it was. */
  falselyConfirmed: { destination: string; device: string; app: string | null; was: string }[]
  /** Sent, and no effect or an expected one. */
  falselySent: { destination: string; device: string; verdict: string; was: string }[]
  /** Anybody could have shown it, and it was never confirmed: what the last finding says. */
  missed: { destination: string; device: string; app: string; was: string; last: string }[]
}

/** Lowest first. */
const rank: readonly ScopeVerdict[] = [
  "refuses-everything",
  "opaque-persistent",
  "refuses-here",
  "suspected",
  "private-trust",
  "probable",
  "confirmed",
]
const day = 86_400_000

export function scoreWorld(judged: Judged): WorldScore {
  const { cases, history, alerts, phones, days, start } = judged
  const evidence = new Evidence(cases)
  const parts: Parts = {}
  const add = (name: string, part: number, whole: number) => {
    const [before, all] = parts[name] ?? [0, 0]
    parts[name] = [before + part, all + whole]
  }
  const highest = new Map<Case, ScopeVerdict>()
  const confirmedAt = new Map<Case, number>()
  const falselyConfirmed = new Map<string, WorldScore["falselyConfirmed"][number]>()
  const isRight = new Map<string, boolean>()
  for (const { at, finding } of history) {
    const about = evidence.about(finding)
    for (const one of about)
      if (rank.indexOf(finding.verdict) > rank.indexOf(highest.get(one) ?? "accepts"))
        highest.set(one, finding.verdict)
    if (finding.verdict !== "confirmed") continue
    for (const one of about) if (!confirmedAt.has(one)) confirmedAt.set(one, at)
    const right = about.some((one) => !isNegative(one))
    isRight.set(finding.id, (isRight.get(finding.id) ?? true) && right)
    if (!right)
      falselyConfirmed.set(finding.id, {
        destination: finding.key.destination,
        device: finding.key.device_id,
        app: finding.key.app_id,
        was: wordsOf(about),
      })
  }
  for (const right of isRight.values()) add("precision of confirmed", right ? 1 : 0, 1)

  const hoursToDetection: number[] = []
  const falselySent: WorldScore["falselySent"] = []
  for (const one of cases) {
    const verdict = highest.get(one)
    if (isNegative(one)) {
      const confirmed = verdict === "confirmed" ? 1 : 0
      for (const label of [...one.labels, "all"]) {
        add(`false confirmed: ${label}`, confirmed, 1)
        add(`refused: ${label}`, one.refused > 0 ? 1 : 0, 1)
      }
      continue
    }
    const found = verdict === "confirmed" ? 1 : 0
    add("recall, all pins and own anchors", found, 1)
    if (one.truth === "pin") add("recall, all pins", found, 1)
    if (one.detectable) add("recall, detectable", found, 1)
    else add(`not detectable: ${one.why_not}`, found, 1)
    for (const label of one.labels) if (label !== "plain") add(`recall: ${label}`, found, 1)
    const at = confirmedAt.get(one)
    if (at !== undefined && one.first_refused !== null)
      hoursToDetection.push((at - one.first_refused) / 3_600_000)
  }
  const last = lastOf(history, evidence)
  missing(
    cases.filter((one) => highest.get(one) !== "confirmed"),
    last,
    add,
  )
  undetermined(cases, last, add)
  others(cases, add)

  const sent = alerts.filter(({ news }) => news === "opened" || news === "raised")
  for (const alert of sent) {
    if (!alert.analytic.startsWith("AN") && alert.analytic !== "pin-effect") continue
    const about = evidence.ofAlert(alert)
    const right = about.some((one) => !isNegative(one) && !one.expected)
    add("precision of sent incidents", right ? 1 : 0, 1)
    if (!right)
      falselySent.push({
        destination: alert.registrable_domain,
        device: alert.device_id,
        verdict: `${alert.analytic} ${alert.verdict} ${alert.confidence}`,
        was: wordsOf(about),
      })
    add(`sent by verdict: ${alert.verdict}`, about.some((one) => !isNegative(one)) ? 1 : 0, 1)
  }
  const onDay = (number: number) =>
    sent.filter((alert) => Math.floor((Date.parse(alert.observed_at) - start) / day) === number)
      .length
  for (const number of new Set([1, days]))
    add(`alerts per 1,000 devices, day ${number}`, onDay(number - 1) * 1_000, phones)
  attribution(judged, evidence, add)

  const tried = cases.filter(({ trial_ms }) => trial_ms > 0)
  add(
    "trial seconds per key and day",
    sum(tried.map(({ trial_ms }) => trial_ms / 1_000)),
    tried.length * days,
  )
  const ours = cases.filter(({ foreign }) => !foreign)
  add("broken sessions per device and day", sum(ours.map(({ broken }) => broken)), phones * days)
  return {
    parts,
    hoursToDetection,
    falselyConfirmed: [...falselyConfirmed.values()],
    falselySent,
    missed: missedOf(judged, highest, evidence),
  }
}

function missedOf(
  { cases, history }: Judged,
  highest: ReadonlyMap<Case, ScopeVerdict>,
  evidence: Evidence,
): WorldScore["missed"] {
  const open = cases.filter((one) => one.detectable && highest.get(one) !== "confirmed")
  return open.map((one) => {
    const last = history.findLast(({ finding }) => evidence.about(finding).includes(one))?.finding
    return {
      destination: one.destination,
      device: one.device_id,
      app: one.app_id,
      was: `${wordsOf([one])}, ${one.refused} refused in ${one.visits.length} visits, ${one.spliced} spliced`,
      last: last
        ? `${last.verdict} ${last.confidence}: ${last.would_raise.join(" / ")}`
        : "no finding",
    }
  })
}

function wordsOf(about: readonly Case[]): string {
  const words = about.map(({ truth, labels }) => `${truth} (${labels.join(", ")})`)
  return [...new Set(words)].join("; ")
}

/** Nobody may say `confirmed` of it: no pin and no anchors of its own, or another tenant's. */
function isNegative({ truth, foreign }: Case): boolean {
  return foreign || !isEffect(truth)
}

/** The rules of other tools, on the same cases. */
function others(cases: readonly Case[], add: Add): void {
  const ours = cases.filter(({ foreign }) => !foreign)
  for (const tool of ["mitmproxy", "mockttp", "imc"] as const)
    for (const one of ours) {
      const claims = one.claims[tool]
      if (claims) add(`precision of ${tool}`, isEffect(one.truth) ? 1 : 0, 1)
      if (isEffect(one.truth)) add(`recall of ${tool}`, claims ? 1 : 0, 1)
    }
}

function attribution({ history }: Judged, evidence: Evidence, add: Add): void {
  const last = new Map(history.map(({ finding }) => [finding.id, finding]))
  for (const finding of last.values()) {
    if (finding.refusals === 0 || finding.key.destination === "*") continue
    const { app_id } = finding.key
    add("attribution coverage", app_id === null ? 0 : 1, 1)
    if (app_id === null) continue
    const apps = evidence.refusersOf(finding).map((one) => one.app_id)
    if (apps.length > 0)
      add("attribution precision", apps.every((app) => app === app_id) ? 1 : 0, 1)
  }
}

function sum(numbers: readonly number[]): number {
  return numbers.reduce((total, one) => total + one, 0)
}

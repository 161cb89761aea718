/**
 * What people said, laid over what was found. In: findings, and statements in any order. Out: the same findings,
 * each with the label that it stands under. Verdict and confidence stay as they are.
 *
 * Everything goes by event time: a label covers evidence before its end, also what was seen before it was said, so
 * that live judging and replay give the same and nothing has to be judged again when it ends.
 */
import {
  type Confidence,
  type Finding,
  type FindingLabel,
  isMalicious,
  isSilenced,
  type Severity,
} from "../record/finding.ts"
import type { Label } from "../record/label.ts"
import { stepLower } from "./confidence.ts"
import { type Difference, differences, type LabelSettings } from "./label-drift.ts"
import { isWhole, namesApp, scopeKey, scopeKinds, scopeOf } from "./label-scope.ts"
import { severer, stepSeverity } from "./severity.ts"

/** Labels held, 1 KB each. Beyond it the oldest that silence something go, so many at a time (to find them takes
 * some milliseconds): that alerts more, never less. */
const most = 20_000
const forgottenAtOnce = 1_000

/** All statements of a store. Their order makes no difference. */
export class LabelIndex {
  readonly #marks = new Map<string, Label>()
  readonly #withdrawn = new Set<string>()
  readonly #byScope = new Map<string, Set<string>>()
  /** How many labels have a scope of a kind: others need not be looked up. */
  readonly #kinds = new Map<string, number>()
  #forgetAt = most + forgottenAtOnce

  add(statements: Iterable<Label>): void {
    for (const statement of statements) {
      if (statement.act === "marked") this.#put(statement)
      else if (statement.withdraws !== null) {
        this.#withdrawn.add(statement.withdraws)
        this.#remove(statement.withdraws)
      }
    }
  }

  /** Labels that were not taken back, ended ones among them. */
  all(): Label[] {
    return [...this.#marks.values()]
  }

  /** Those whose scope the finding lies in. The sensor's own fault is nobody's to silence. */
  covering(finding: Finding): Label[] {
    if (this.#marks.size === 0 || finding.analytic === "sensor-fault") return []
    return scopeKinds.flatMap((kind) => {
      if (!this.#kinds.get(kind)) return []
      const scope = scopeOf(kind, finding)
      const ids = scope ? this.#byScope.get(scopeKey(finding.tenant, scope)) : undefined
      return [...(ids ?? [])].flatMap((id) => this.#marks.get(id) ?? [])
    })
  }

  #put(label: Label): void {
    if (this.#withdrawn.has(label.id) || this.#marks.has(label.id) || !counts(label)) return
    this.#marks.set(label.id, label)
    const key = scopeKey(label.tenant, label.scope)
    const listed = this.#byScope.get(key) ?? new Set()
    this.#byScope.set(key, listed.add(label.id))
    this.#kinds.set(label.scope.kind, (this.#kinds.get(label.scope.kind) ?? 0) + 1)
    if (this.#marks.size < this.#forgetAt) return
    const silencing = this.all().filter(({ label: word }) => word !== "malicious")
    silencing.sort((a, b) => (a.observed_at < b.observed_at ? -1 : 1))
    for (const { id } of silencing.slice(0, forgottenAtOnce)) this.#remove(id)
    this.#forgetAt = Math.max(most, this.#marks.size) + forgottenAtOnce
  }

  #remove(id: string): void {
    const label = this.#marks.get(id)
    if (!label) return
    this.#marks.delete(id)
    const key = scopeKey(label.tenant, label.scope)
    const listed = this.#byScope.get(key)
    listed?.delete(id)
    if (listed?.size === 0) this.#byScope.delete(key)
    this.#kinds.set(label.scope.kind, (this.#kinds.get(label.scope.kind) ?? 1) - 1)
  }
}

/** One from elsewhere that names no scope, or would silence without an end, covers nothing. */
function counts({ label, scope, expires_at }: Label): boolean {
  return isWhole(scope) && (label === "malicious" || expires_at !== null)
}

/** The finding with the label in force, or none; the same object where nothing changes. One that was stored before
 * there were labels has no such field. */
export function labelled(finding: Finding, labels: LabelIndex, settings: LabelSettings): Finding {
  const label = labelOf(finding, labels.covering(finding), settings)
  return JSON.stringify(label) === JSON.stringify(finding.label ?? null)
    ? finding
    : { ...finding, label }
}

interface Standing {
  label: Label
  standing: FindingLabel["standing"]
  signs: Difference[]
  why: string[]
}

/** `malicious` before all others; then what silences, what lowers, what reopened, what ended. */
function labelOf(
  finding: Finding,
  covering: readonly Label[],
  settings: LabelSettings,
): FindingLabel | null {
  const [first] = covering.map((label) => standingOf(finding, label, settings)).sort(strongest)
  if (!first) return null
  const { label, standing, signs, why } = first
  return {
    label_id: label.id,
    label: label.label,
    standing,
    signs: signs.map(({ sign }) => sign),
    who: label.who,
    created_at: label.observed_at,
    expires_at: label.expires_at,
    why: [saidOf(label), ...why],
  }
}

function standingOf(finding: Finding, label: Label, settings: LabelSettings): Standing {
  const { expires_at } = label
  if (expires_at !== null && finding.last_seen >= expires_at)
    return { label, standing: "expired", signs: [], why: [`It ended ${expires_at}.`] }
  if (label.label === "malicious") return { label, standing: "in-force", signs: [], why: [] }
  const signs = differences(finding, label, settings)
  if (signs.length > 0) {
    const since = `Since then: ${signs.map(({ words }) => words).join("; ")}.`
    return { label, standing: "reopened", signs, why: [since] }
  }
  const doubt = doubtOf(finding, label)
  if (doubt === null) return { label, standing: "in-force", signs: [], why: [] }
  return { label, standing: "lowered", signs: [], why: [`A step lower, not silenced: ${doubt}.`] }
}

/** An app that is only inferred, or whose signer is no longer told, may be another one. */
function doubtOf(
  { app_attribution, app_signer }: Finding,
  { scope, marked }: Label,
): string | null {
  if (!namesApp(scope)) return null
  const looked = scope.kind === "finding" && marked?.app_attribution !== "observed"
  if (app_attribution !== "observed" && !looked)
    return `the app is ${app_attribution}, not observed`
  if ((app_signer ?? null) === null && marked !== null && marked.app_signers.length > 0)
    return "no source tells the signer of the app any more"
  return null
}

function strongest(a: Standing, b: Standing): number {
  return (
    rankOf(a) - rankOf(b) ||
    scopeKinds.indexOf(a.label.scope.kind) - scopeKinds.indexOf(b.label.scope.kind) ||
    (a.label.observed_at === b.label.observed_at
      ? 0
      : a.label.observed_at > b.label.observed_at
        ? -1
        : 1) ||
    (a.label.id < b.label.id ? -1 : 1)
  )
}

function rankOf({ label, standing }: Standing): number {
  if (standing === "in-force") return label.label === "malicious" ? 0 : 1
  return { lowered: 2, reopened: 3, expired: 4 }[standing]
}

function saidOf({ label, observed_at, who, owner, reason }: Label): string {
  return `Marked ${label} ${observed_at} by ${who} (owner ${owner}): ${reason.slice(0, 500)}`
}

/** How much a finding counts for its incident; null: not at all. */
export function alertLevel(
  finding: Finding,
): { confidence: Confidence; severity: Severity } | null {
  const { confidence, severity, label } = finding
  if (isSilenced(finding)) return null
  if (isMalicious(finding))
    return { confidence, severity: severer("high", stepSeverity(severity, 1)) }
  return label?.standing === "lowered"
    ? { confidence: stepLower(confidence), severity: stepSeverity(severity, -1) }
    : { confidence, severity }
}

/**
 * Judges one device: every key's scope verdict, and the findings of the analytic that its platform has.
 *
 * In: the joined evidence of a device and the context. Out: judgements and findings, the same for any
 * order of the input. It must not know the clock, the store, or what was found before.
 */
import type { DeviceAbout, DeviceEvidence, JudgementContext } from "../record/attributed.ts"
import type { Drift } from "../record/drift.ts"
import type { Finding } from "../record/finding.ts"
import type { ScopeJudgement } from "../record/scope-judgement.ts"
import { judgeAn1725 } from "./an1725.ts"
import { judgeAn1726 } from "./an1726.ts"
import { appStories } from "./app-story.ts"
import { caMissingFindings } from "./ca-missing.ts"
import { findingOf } from "./finding-of.ts"
import { areEnough, type KeyEvidence } from "./key-evidence.ts"
import { driftRecords } from "./pair-state.ts"
import { judgePinEffect } from "./pin-effect.ts"
import { type ScopedKey, scopeDevice } from "./scope.ts"
import { isSilenced } from "./sensor-fault.ts"
import type { AnalyticsSettings } from "./settings.ts"
import { type AnalyticJudgement, pairOf, type Subject } from "./subject.ts"

export interface DeviceJudgement {
  judgements: ScopeJudgement[]
  findings: Finding[]
  /** What has become different of pairs that are allowed or baseline. */
  drifts: Drift[]
  /** Some key was refused where the sensor was at fault: of that, nothing is known. */
  silenced: boolean
}

export function judgeDevice(
  evidence: DeviceEvidence,
  context: JudgementContext,
  settings: AnalyticsSettings,
): DeviceJudgement {
  const keys = scopeDevice(evidence, context, settings)
  return judgeScoped(keys, evidence, context)
}

/** What the analytics make of the judged keys of a device. */
export function judgeScoped(
  keys: readonly ScopedKey[],
  device: DeviceAbout,
  context: JudgementContext,
  story = appStories(device.app_events),
): DeviceJudgement {
  const subjects = keys.map((key): Subject => ({ ...key, device, context, story }))
  const drifts: Drift[] = []
  const findings = subjects.flatMap((subject) => {
    const answer = maySpeak(subject) ? analyticOf(subject) : null
    if (!answer) return []
    const finding = findingOf(subject, answer)
    drifts.push(...driftRecords(pairOf(subject), answer.drifts, finding))
    return [finding]
  })
  return {
    judgements: keys.map((key) => key.judgement),
    findings: [...findings, ...caMissingFindings(subjects)].sort((a, b) => (a.id < b.id ? -1 : 1)),
    drifts,
    silenced: keys.some(({ evidence }) => isSilenced(evidence.attempts, context.sensor_fault)),
  }
}

/** A key that trusts us, never decided, or failed for its own reasons gives no finding; nothing is
 * said of what was refused where the sensor itself is at fault. Refusals too few for a verdict may still be recorded. */
function maySpeak({ judgement, evidence, context, settings }: Subject): boolean {
  if (isSilenced(evidence.attempts, context.sensor_fault)) return false
  switch (judgement.verdict) {
    case "confirmed":
    case "probable":
    case "refuses-here":
    case "private-trust":
    case "opaque-persistent":
    case "refuses-everything":
    case "suspected":
      return true
    case "undetermined":
      return evidence.refusals.length > 0 || evidence.flows.length > 0
    case "mixed":
      return refusesOn(evidence, settings)
    case "accepts":
    case "broken-or-other":
    case "platform-expected":
    case "held-by-bypass":
      return false
  }
}

/**
 * An app that was seen to refuse often enough after its first acceptance goes on refusing: acceptances in
 * between lower what is said of it to a record, but do not close it, or an app could buy its silence
 * with some harmless connections. Where acceptances only follow, trust was won.
 */
function refusesOn(key: KeyEvidence, { scope }: AnalyticsSettings): boolean {
  if (key.group.actor.kind !== "app") return false
  const first = [...key.acceptances, ...key.perhapsOwn].reduce(
    (least, { start }) => Math.min(least, start),
    Number.POSITIVE_INFINITY,
  )
  const after = Number.isFinite(first) ? first : Number.NEGATIVE_INFINITY
  return areEnough(
    key.refusals.filter(({ start }) => start > after),
    scope,
  )
}

/** AN1725 and AN1726 are two rules: only the choice between them stands here. */
function analyticOf(subject: Subject): AnalyticJudgement | null {
  switch (subject.judgement.platform) {
    case "android":
      return judgeAn1725(subject)
    case "ios":
      return judgeAn1726(subject)
    case "other":
    case "unknown":
      return judgePinEffect(subject)
  }
}

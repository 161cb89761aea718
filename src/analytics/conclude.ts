/**
 * What a weighed key comes to: what the operator allows is recorded and not alerted, but only where the
 * app was observed; an inferred app, or a triple without a proof of the signer, is only lowered.
 */
import type { Channel, Finding } from "../record/finding.ts"
import type { Allowance } from "./allowed.ts"
import { stepLower, type Weighed } from "./confidence.ts"
import type { PairDrift } from "./pair-drift.ts"
import { driftOfPair, isBaselinePair, pairDriftWords } from "./pair-state.ts"
import { type AnalyticJudgement, pairOf, type Subject } from "./subject.ts"

export interface Conclusion {
  analytic: Finding["analytic"]
  version: string
  channels: Channel[]
  weighed: Weighed
  allowance: Allowance
  exposed: boolean
  subject: Subject
}

export function concludes(conclusion: Conclusion): AnalyticJudgement {
  const { analytic, version, channels, weighed, allowance, exposed, subject } = conclusion
  const judgement = {
    analytic,
    analytic_version: version,
    channels,
    confidence: weighed.confidence,
    expected: false,
    exposed,
    drifts: [] as readonly PairDrift[],
    reasons: [...weighed.reasons],
  }
  const pair = pairOf(subject)
  if (allowance.allowed !== "no" || isBaselinePair(pair, subject.context))
    judgement.drifts = driftOfPair(pair, subject.context)
  judgement.reasons.push(...pairDriftWords(judgement.drifts))
  if (allowance.allowed === "no") {
    if (allowance.isListed) judgement.reasons.push(`Not expected: ${allowance.why}.`)
    return judgement
  }
  if (judgement.drifts.length > 0) {
    judgement.reasons.push(
      `Allowed, but alerted all the same: ${allowance.why}, and it has drifted.`,
    )
    return judgement
  }
  if (allowance.allowed === "yes" && subject.judgement.app === "observed") {
    judgement.expected = true
    judgement.confidence = "record"
    judgement.reasons.push(`Expected, so recorded only: ${allowance.why}.`)
    return judgement
  }
  const why =
    allowance.allowed === "incomplete" ? allowance.why : "the app is allowed, but only inferred"
  if (judgement.confidence !== "record") {
    judgement.confidence = stepLower(judgement.confidence)
    judgement.reasons.push(`A step lower, not suppressed: ${why}.`)
  }
  return judgement
}

/**
 * What a weighed key comes to: what the operator allows is recorded and not alerted, but only where the
 * app was observed; an inferred app, or a triple without a proof of the signer, is only lowered.
 */
import type { Channel, Finding } from "../record/finding.ts"
import type { Allowance } from "./allowed.ts"
import { stepLower, type Weighed } from "./confidence.ts"
import type { AnalyticJudgement, Subject } from "./subject.ts"

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
    reasons: [...weighed.reasons],
  }
  if (allowance.allowed === "no") return judgement
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

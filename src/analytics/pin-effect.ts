/**
 * The same network effect on a laptop, or on a device whose platform nobody knows. Neither analytic
 * of DET0646 is about these, so no ATT&CK id is given and nothing rises above low.
 */
import { weigh } from "./confidence.ts"
import { patternOf, pinEffectTable } from "./confidence-table.ts"
import { type AnalyticJudgement, ceilings, channel, type Subject } from "./subject.ts"

/** The version of our own rule. */
export const pinEffect = { id: "pin-effect", version: "1" } as const

const Insp = { channel: "Insp", component: "DC0085", log_source: "NSM:Inspection" }
const Flow = { channel: "Flow", component: "DC0085", log_source: "NSM:Flow" }

/** Our own threshold is the scope's; there is no tunable. */
export function judgePinEffect(subject: Subject): AnalyticJudgement | null {
  const { judgement, settings } = subject
  const pattern = patternOf(judgement.verdict)
  const weighed = weigh(
    pinEffectTable,
    { pattern, met: new Set(), refuted: new Set() },
    ceilings(subject, settings.scope.refusals),
  )
  if (!weighed) return null
  const { refusals, control_used } = judgement
  return {
    analytic: "pin-effect",
    analytic_version: pinEffect.version,
    channels: [
      channel(
        Insp,
        refusals.length > 0 ? "met" : "not-met",
        `${refusals.length} refusals under inspection.`,
        refusals,
      ),
      channel(
        Flow,
        control_used.length > 0 ? "met" : "not-observable",
        `${control_used.length} used sessions without inspection.`,
        control_used,
      ),
    ],
    confidence: weighed.confidence,
    expected: false,
    exposed: false,
    drifts: [],
    reasons: weighed.reasons,
  }
}

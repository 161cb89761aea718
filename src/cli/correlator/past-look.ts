/**
 * One look at the past of a device, in replay and where facts came late. In: the device as of its newest record
 * then, what was known, and what had been found. Out: what has become of that, and what is new.
 */
import { judgeDevice } from "../../analytics/judge.ts"
import { type LabelIndex, labelled } from "../../analytics/labels.ts"
import { settle } from "../../analytics/settle.ts"
import { joinDevice } from "../../identity/join.ts"
import type { JudgementContext } from "../../record/attributed.ts"
import type { Finding } from "../../record/finding.ts"
import type { EvidenceParts } from "./evidence-parts.ts"
import { joinInputs } from "./join-inputs.ts"
import type { Suspect } from "./suspects.ts"

/** Who has news is looked at so often in event time, in milliseconds: see docs/replay.md. */
export const usualSpan = 6 * 3_600_000

/** Begin of the span of a time; spans are counted from 1970, so that all looks at the past are at one place. */
export function spanOf(at: number): number {
  return Math.floor(at / usualSpan) * usualSpan
}

export interface PastLook {
  suspect: Suspect
  context: JudgementContext
  before: readonly Finding[]
  labels: LabelIndex
}

/** Where a device's evidence breaks an analytic nothing changes: the others must not suffer for it. */
export function lookBack(parts: EvidenceParts, look: PastLook): readonly Finding[] {
  const { suspect, context, before, labels } = look
  const { analytics } = parts.config
  try {
    return [...joinInputs(parts, [suspect])].flatMap((input) => {
      const judged = judgeDevice(joinDevice(input), context, analytics)
      return settle(before, judged, (one) => labelled(one, labels, analytics.labels))
    })
  } catch (error) {
    parts.unusable.device(suspect.device_id, error)
    return []
  }
}

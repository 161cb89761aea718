/**
 * Where a running trial goes next. In: the trial with its use, the judgements of its key, the time.
 * Out: a move with its reason in words, or null. It must not know what a move leads to.
 */
import type { ScopeJudgement } from "../../record/scope-judgement.ts"
import type { ControlSettings } from "../settings.ts"
import { asksForControl, isSameEpoch, type Trial } from "./trial-key.ts"

/** `ended`: no cool-down. `another-round`: may be armed again at once within the caps, else it
 * cools. */
export interface Move {
  to: "re-inspecting" | "holding" | "cooling" | "ended" | "another-round"
  note: string
}

export interface Circumstances {
  judgements: readonly ScopeJudgement[]
  settings: ControlSettings
  /** Of the device's group. */
  mode: ControlSettings["mode"]
  /** The sensor itself is at fault. */
  fault: boolean
  now: number
}

/** So many strong control flows are what `confirmed` asks for; more would only open more. */
export const enoughControls = 2

/** What must not be comes first, then what the evidence says, then what the clock says. */
export function nextMove(entry: Trial, seen: Circumstances): Move | null {
  return (
    stopped(entry, seen) ??
    (seen.fault ? null : byEvidence(entry, seen.judgements)) ??
    byClock(entry, seen)
  )
}

function stopped({ trial }: Trial, { judgements, mode, fault }: Circumstances): Move | null {
  if (mode === "off") return { to: "ended", note: "ended: control is off for its device" }
  const opens = trial.state === "armed" || trial.state === "splicing"
  if (fault && opens)
    return { to: "ended", note: "ended: the sensor itself is at fault, refusals say nothing" }
  const { epoch } = trial
  if (epoch !== null && judgements.some((each) => !isSameEpoch(each.epoch, epoch)))
    return { to: "ended", note: "ended: the inspection CA or the sensor's configuration changed" }
  return null
}

function byEvidence({ trial }: Trial, judgements: readonly ScopeJudgement[]): Move | null {
  if (judgements.length > 0 && judgements.every(({ device }) => device !== "bound"))
    return { to: "ended", note: "ended: the client's address is not bound to one device any more" }
  if (judgements.some(({ verdict, device }) => verdict === "confirmed" && device === "bound"))
    return { to: "holding", note: "confirmed" }
  // Two apps may share a stack: one that accepts does not end the trial of one that refuses.
  const accepted = judgements.some(
    ({ verdict, last_ms }) =>
      (verdict === "accepts" || verdict === "mixed") && last_ms >= Date.parse(trial.since),
  )
  if (accepted && !judgements.some(asksForControl))
    return { to: "ended", note: "ended: the client accepted our certificate" }
  if (trial.first_splice_at === null) return null
  const spliced = Date.parse(trial.first_splice_at)
  if (judgements.some((j) => j.verdict === "broken-or-other" && j.last_ms >= spliced))
    return { to: "cooling", note: "cooling: it fails without inspection too" }
  if (trial.state !== "re-inspecting" || !judgements.some(refusedAgain)) return null
  return {
    to: "another-round",
    note: "refused again, but fewer than two control flows were strongly used: another round",
  }
}

/** Refused after a control flow, and still short of control flows. */
function refusedAgain(judgement: ScopeJudgement): boolean {
  return (
    asksForControl(judgement) &&
    judgement.refusal_after_control &&
    judgement.control_strong.length < enoughControls
  )
}

function byClock({ trial, expires_at }: Trial, seen: Circumstances): Move | null {
  const over = expires_at !== null && seen.now >= Date.parse(expires_at)
  switch (trial.state) {
    case "armed":
      return over ? { to: "ended", note: "ended: the client did not come back" } : null
    case "splicing": {
      const why = spent(trial, seen, over)
      return why === null ? null : { to: "re-inspecting", note: `re-inspecting: ${why}` }
    }
    case "re-inspecting":
      return over ? { to: "cooling", note: "cooling: nothing decided it in time" } : null
    case "holding":
    case "cooling":
      return null
  }
}

function spent(trial: Trial["trial"], seen: Circumstances, over: boolean): string | null {
  const { settings, judgements, now } = seen
  if (over) return "its time is over"
  // Its end would otherwise be as far away again as the clock went back.
  if (trial.first_splice_at !== null && now < Date.parse(trial.first_splice_at))
    return "the clock was set back"
  if (trial.connections >= settings.connections) return "its connections are used up"
  if (trial.bytes >= settings.bytes) return "its bytes are used up"
  // It has what it was made for, and every further splice would be a bypass without a purpose.
  return judgements.some(({ control_strong }) => control_strong.length >= enoughControls)
    ? "it has seen enough control flows"
    : null
}

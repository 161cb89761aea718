/**
 * What a confirmed key leads to beside its hold, about its device: an entry in force, or a proposal.
 *
 * In: confirmations, what was learned before, the operator's choices. Out: new entries. It must not
 * know how a key was confirmed.
 */
import type { RegisterEntry } from "../../record/register-entry.ts"
import type { ScopeJudgement } from "../../record/scope-judgement.ts"
import type { GroupChoice } from "../settings.ts"
import { byItself, isCovered, isTurnedDown } from "./learned-standing.ts"
import type { Learned, Trial } from "./trial-key.ts"
import {
  change,
  iso,
  keptEvidence,
  type RegisterWrite,
  splicesConfirmed,
  type TrialStep,
  unused,
} from "./trial-step.ts"

/** A trial that has just been decided, and what the device's group does with such. */
export interface Confirmation {
  trial: Trial
  choice: GroupChoice
  judgement?: ScopeJudgement
}

/** The entry or proposal about one device. */
export function learnedFrom(
  { trial, choice, judgement }: Confirmation,
  learned: readonly Learned[],
  step: TrialStep,
): RegisterWrite[] {
  const inForce = splicesConfirmed(choice)
  if (!inForce && choice.mode !== "learn") return []
  const { scope, id, expires_at } = trial
  if (scope.device_id === null || isCovered(learned, scope, step)) return []
  if (isTurnedDown(learned, scope, choice["hold-for"], step)) return []
  const reason = `${scope.sni} refuses the inspection certificate and works without it (trial ${id})`
  const entry = deviceEntry(step, {
    id: `learned|${id}`,
    scope,
    standing: inForce ? "in-force" : "proposed",
    reason: inForce ? `learned: ${reason}` : `proposed: ${reason}`,
    evidence_ids: judgement ? evidenceOf(judgement) : trial.evidence_ids,
    // No longer than what was decided.
    until: expires_at === null ? step.now + choice["hold-for"] : Date.parse(expires_at),
  })
  return [change(entry, entry.reason)]
}

/** `scope` without the client's address, which changes. */
export function deviceEntry(
  step: TrialStep,
  given: Pick<RegisterEntry, "scope" | "standing" | "reason" | "evidence_ids"> & {
    id: string
    until: number
  },
): Learned {
  const { scope } = given
  return {
    ...learnedEntry(step, given),
    scope: { ...scope, client_network: null },
    learned: {
      device_ids: scope.device_id === null ? [] : [scope.device_id],
      retest: null,
      renewals: 0,
    },
  }
}

/** What all that is learned has in common. */
export function learnedEntry(
  { common, now, newId }: TrialStep,
  given: Pick<RegisterEntry, "standing" | "reason" | "evidence_ids"> & {
    id: string
    until: number
  },
): Omit<Learned, "scope" | "learned"> {
  return {
    ...common,
    v: 1,
    id: newId(given.id),
    observed_at: iso(now),
    kind: "learned",
    source: "register",
    standing: given.standing,
    declared: null,
    owner: byItself,
    reason: given.reason,
    evidence_ids: given.evidence_ids,
    created_at: iso(now),
    expires_at: iso(given.until),
    review_at: iso(now + (given.until - now) / 2),
    ...unused,
    trial: null,
  }
}

export function evidenceOf({ control_strong, control_used, refusals, qualifying }: ScopeJudgement) {
  const control = control_strong.length > 0 ? control_strong : control_used
  return [...(qualifying?.ids ?? []), ...refusals, ...control].slice(-keptEvidence)
}

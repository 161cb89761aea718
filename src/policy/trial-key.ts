/** What a trial is about: one device, one stack, one SNI. */
import type { RegisterEntry } from "../record/register-entry.ts"
import type { ScopeJudgement } from "../record/scope-judgement.ts"

/** A register entry that is a trial. */
export type Trial = RegisterEntry & { trial: NonNullable<RegisterEntry["trial"]> }

/** Keys of an entry and a judgement are equal when they are about the same thing. */
export function trialKeyOfEntry({ scope }: RegisterEntry): string {
  return key(scope.device_id, scope.stack, scope.sni)
}

export function trialKeyOfJudgement(judgement: ScopeJudgement): string {
  return key(judgement.key.device_id, judgement.key.stack, judgement.sni)
}

/**
 * The judgements of each key, of the epoch that the newest of them is in: evidence under another
 * issuing CA or sensor configuration says nothing about the trials of now.
 */
export function judgementsByKey(
  judgements: readonly ScopeJudgement[],
): Map<string, ScopeJudgement[]> {
  const keyed = Map.groupBy(judgements, trialKeyOfJudgement)
  for (const [name, all] of keyed) {
    const [first, ...rest] = all
    if (!first || rest.length === 0) continue
    const newest = rest.reduce((a, b) => (b.last_ms > a.last_ms ? b : a), first)
    keyed.set(
      name,
      all.filter((judgement) => epoch(judgement) === epoch(newest)),
    )
  }
  return keyed
}

function epoch({ epoch: { issuing_ca, sensor_config } }: ScopeJudgement): string {
  return key(issuing_ca, sensor_config)
}

/** Waiting, splicing, or waiting for what decides it. */
export function isRunning({ trial: { state } }: Trial): boolean {
  return state === "armed" || state === "splicing" || state === "re-inspecting"
}

/** Parts come from the network and may hold any character; JSON keeps them apart. */
function key(...parts: (string | null)[]): string {
  return JSON.stringify(parts)
}

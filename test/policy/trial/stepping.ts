/** Steps of control for tests: a register in memory, with what a test cares about given. */
import { stepTrials, type TrialOutcome } from "../../../src/policy/trial/trial.ts"
import type { KnownDevice, TrialStep, Use } from "../../../src/policy/trial/trial-step.ts"
import { RegisterEntry } from "../../../src/record/register-entry.ts"
import type { ScopeJudgement } from "../../../src/record/scope-judgement.ts"
import { common, control, judgement, noon } from "../given.ts"

/** Devices of one group, each of its own user. */
export const fieldDevice = (id: string): KnownDevice => ({ groups: ["field"], user: `of ${id}` })

export function stepOf(given: Partial<TrialStep> = {}): TrialStep {
  return {
    trials: [],
    learned: [],
    judgements: [],
    useOf: () => null,
    lastUser: () => null,
    endedByHand: () => false,
    deviceOf: fieldDevice,
    groupSize: () => 10,
    fault: false,
    everyEntry: true,
    settings: control,
    common,
    now: noon,
    newId: (key) => `id-${key.replaceAll(/[^\w|-]/g, "_")}`.slice(0, 128),
    ...given,
  }
}

export interface Stepped extends TrialOutcome {
  /** Each changed entry as it stands after the step. */
  changed: RegisterEntry[]
  notes: { entry_id: string; note: string }[]
}

export function step(given: Partial<TrialStep> = {}): Stepped {
  const outcome = stepTrials(stepOf(given))
  for (const { entry } of outcome.writes) RegisterEntry.parse(entry)
  const changed = [...new Map(outcome.writes.map(({ entry }) => [entry.id, entry])).values()]
  const notes = outcome.writes.map(({ entry, note }) => ({ entry_id: entry.id, note }))
  return { ...outcome, changed, notes }
}

/** What went through: connections that began, bytes, and when the first one did. */
export const used = (hits: number, bytes: number, first_ms: number | null): Use => ({
  hits,
  bytes,
  first_ms,
})

/** A judgement about another device, name or stack. */
export function about(
  device_id: string,
  sni: string,
  given: Partial<ScopeJudgement> = {},
): ScopeJudgement {
  return judgement({ sni, key: { ...judgement().key, device_id, destination: sni }, ...given })
}

/** A register that keeps what steps write. */
export class Register {
  readonly entries = new Map<string, RegisterEntry>()

  step(given: Partial<TrialStep> = {}): Stepped {
    const all = [...this.entries.values()]
    const outcome = step({
      trials: all.filter(({ kind }) => kind === "trial"),
      learned: all.filter(({ kind }) => kind === "learned"),
      ...given,
    })
    for (const entry of outcome.changed) this.entries.set(entry.id, entry)
    return outcome
  }

  of(kind: RegisterEntry["kind"]): RegisterEntry[] {
    return [...this.entries.values()].filter((entry) => entry.kind === kind)
  }

  /** Learned entries that splice now. */
  inForce(now: number): RegisterEntry[] {
    return this.of("learned").filter(
      ({ standing, expires_at }) =>
        standing === "in-force" && (expires_at === null || Date.parse(expires_at) > now),
    )
  }
}

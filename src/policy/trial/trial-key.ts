/** What a trial is about: one device, one stack, one SNI, within one epoch. */
import type { RegisterEntry } from "../../record/register-entry.ts"
import type { ScopeJudgement } from "../../record/scope-judgement.ts"

/** A register entry that is a trial. */
export type Trial = RegisterEntry & { trial: NonNullable<RegisterEntry["trial"]> }

/** A register entry that the sensor learned, or proposes. */
export type Learned = RegisterEntry & { learned: NonNullable<RegisterEntry["learned"]> }

export function isTrial(entry: RegisterEntry): entry is Trial {
  return entry.kind === "trial" && entry.trial !== null
}

export function isLearned(entry: RegisterEntry): entry is Learned {
  return entry.kind === "learned" && entry.source === "register" && entry.learned !== null
}

/** Entries are asked for theirs at each step, and live through many. */
const keys = new WeakMap<RegisterEntry, string>()

/** Keys of an entry and a judgement are equal when they are about the same thing. */
export function trialKeyOfEntry(entry: RegisterEntry): string {
  const known = keys.get(entry)
  if (known !== undefined) return known
  const { device_id, stack, sni } = entry.scope
  const made = key(device_id, stack, sni)
  keys.set(entry, made)
  return made
}

export function trialKeyOfJudgement(judgement: Pick<ScopeJudgement, "key" | "sni">): string {
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
      all.filter((judgement) => isSameEpoch(judgement.epoch, newest.epoch)),
    )
  }
  return keyed
}

export function isSameEpoch(a: ScopeJudgement["epoch"], b: ScopeJudgement["epoch"]): boolean {
  return a.issuing_ca === b.issuing_ca && a.sensor_config === b.sensor_config
}

/**
 * Whether control flows are what a judgement lacks. Of `refuses-here` that is so once the app is known to accept
 * our CA for one other domain: the second comes with time, and the control need not wait for it.
 */
export function asksForControl({
  verdict,
  app_accepts,
}: Pick<ScopeJudgement, "verdict" | "app_accepts">): boolean {
  if (verdict === "suspected" || verdict === "probable") return true
  return verdict === "refuses-here" && app_accepts > 0
}

/** Waiting, splicing, or waiting for what decides it. */
export function isRunning({ trial: { state } }: Trial): boolean {
  return state === "armed" || state === "splicing" || state === "re-inspecting"
}

/** Its end has not come; one that cannot be read has. */
export function isLive({ expires_at }: RegisterEntry, now: number): boolean {
  return expires_at === null || Date.parse(expires_at) > now
}

/** Parts come from the network and may hold any character; JSON keeps them apart. */
function key(...parts: (string | null)[]): string {
  return JSON.stringify(parts)
}

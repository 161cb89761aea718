/**
 * Apps that stay broken because we inspect them: those that are spliced after so long although
 * nothing more could be confirmed, and those of which the operator has to be told.
 *
 * In: judgements of now, trials, what was learned. Out: learned entries, and who is broken since
 * when. It must not know how anybody is told.
 */
import type { ScopeJudgement } from "../../record/scope-judgement.ts"
import type { GroupChoice } from "../settings.ts"
import { deviceEntry, evidenceOf } from "./learn.ts"
import { isCovered, isTurnedDown } from "./learned-standing.ts"
import {
  asksForControl,
  isRunning,
  isSameEpoch,
  type Learned,
  type Trial,
  trialKeyOfEntry,
} from "./trial-key.ts"
import {
  change,
  choiceFor,
  iso,
  type RegisterWrite,
  splicesConfirmed,
  type TrialStep,
} from "./trial-step.ts"
import { inTheWay, lacking, TrialCounts } from "./why-not-armed.ts"

export interface BrokenApp {
  /** One for each (device, stack, SNI). */
  key: string
  device_id: string
  stack: string | null
  sni: string
  app_id: string | null
  verdict: ScopeJudgement["verdict"]
  /** Epoch milliseconds: since when it refuses, and when that is `broken-at-most` long. */
  since_ms: number
  due_ms: number
  /** Why it is not spliced, and what the operator can do. */
  why: string
}

/**
 * When the key's app broke, in epoch milliseconds: the first refusal of the epoch, over all rounds
 * of its trials; without any the first that the window of judgement shows.
 */
export function brokenSince(
  { first_refusal_ms, first_ms, epoch }: ScopeJudgement,
  rounds: readonly Trial[],
): number {
  const before = rounds.flatMap(({ trial }) =>
    trial.refused_since !== null && trial.epoch !== null && isSameEpoch(trial.epoch, epoch)
      ? [Date.parse(trial.refused_since)]
      : [],
  )
  return Math.min(first_refusal_ms ?? first_ms, ...before)
}

/**
 * Where the group splices what is confirmed, a key that works when spliced is spliced after
 * `broken-at-most`, though caps, cool-downs or a client that did not come back have kept it from
 * being confirmed.
 */
export function splicedAfterAll(
  judged: ReadonlyMap<string, readonly ScopeJudgement[]>,
  trials: readonly Trial[],
  learned: readonly Learned[],
  step: TrialStep,
): RegisterWrite[] {
  const writes: RegisterWrite[] = []
  if (judged.size === 0) return writes
  const roundsOf = Map.groupBy(trials, trialKeyOfEntry)
  for (const [key, judgements] of judged) {
    const judgement = judgements.find(worksWhenSpliced)
    if (!judgement) continue
    const { device_id, stack } = judgement.key
    const choice = choiceFor(device_id, step)
    if (!splicesConfirmed(choice)) continue
    const rounds = roundsOf.get(key) ?? []
    const since = brokenSince(judgement, rounds)
    const scope = { device_id, stack, sni: judgement.sni }
    if (step.now < since + step.settings["broken-at-most"]) continue
    if (rounds.some(isHeld(step.now)) || isCovered(learned, scope, step)) continue
    // One that ended before its time, by a re-test or a person, was ended for a reason.
    if (learned.some((entry) => isSame(entry, scope, step.now - choice["hold-for"]))) continue
    if (isTurnedDown(learned, scope, choice["hold-for"], step)) continue
    const entry = deviceEntry(step, {
      id: JSON.stringify(["broken", step.common.tenant, key, iso(since), rounds.length]),
      scope: { ...scope, device_group: null, client_network: null, destination_network: null },
      standing: "in-force",
      reason: learnedWhy(judgement, since),
      evidence_ids: evidenceOf(judgement),
      until: step.now + choice["hold-for"],
    })
    writes.push(change(entry, entry.reason))
    for (const round of rounds.filter(isRunning)) writes.push(over(round, entry, step.now))
  }
  return writes
}

function learnedWhy({ verdict, sni, missing }: ScopeJudgement, since: number): string {
  const broken = `${sni} refuses the inspection certificate since ${iso(since)} and works without it`
  return verdict === "confirmed"
    ? `learned, confirmed while no trial ran: ${broken}`
    : `learned, not confirmed: ${broken}; still lacking: ${missing ?? "a refusal after that"}`
}

function isSame(
  { scope, standing, created_at }: Learned,
  { device_id, stack, sni }: Pick<Learned["scope"], "device_id" | "stack" | "sni">,
  since: number,
): boolean {
  return (
    standing === "in-force" &&
    scope.sni === sni &&
    scope.device_id === device_id &&
    scope.stack === stack &&
    Date.parse(created_at) > since
  )
}

/** Refused and used without inspection: nothing but the proof is missing, or it came when no trial ran that
 * could have held it. */
function worksWhenSpliced(judgement: ScopeJudgement): boolean {
  const { verdict, control_used } = judgement
  return (
    (verdict === "probable" || verdict === "confirmed") &&
    control_used.length > 0 &&
    // Neither proof nor enough control flows are a fault here.
    lacking({ ...judgement, verdict: "probable", control_strong: [] }) === null
  )
}

/** Confirmed: what its group has decided for that holds. */
function isHeld(now: number): (trial: Trial) => boolean {
  return ({ trial, expires_at }) =>
    trial.state === "holding" && (expires_at === null || Date.parse(expires_at) > now)
}

function over(trial: Trial, { id }: Learned, now: number): RegisterWrite {
  const next: Trial = {
    ...trial,
    expires_at: iso(now),
    trial: { ...trial.trial, state: "cooling", since: iso(now) },
  }
  return change(next, `ended: ${id} splices it, for it was broken for too long`)
}

/** Verdicts of an app that does not get through while we inspect it. */
const brokenVerdicts: ReadonlySet<ScopeJudgement["verdict"]> = new Set([
  "suspected",
  "probable",
  "confirmed",
  "refuses-here",
])

export function brokenApps(
  judged: ReadonlyMap<string, readonly ScopeJudgement[]>,
  trials: readonly Trial[],
  learned: readonly Learned[],
  step: TrialStep,
): BrokenApp[] {
  if (judged.size === 0) return []
  const roundsOf = Map.groupBy(trials, trialKeyOfEntry)
  const counts = new TrialCounts(trials, step.now)
  return [...judged].flatMap(([key, judgements]) => {
    const judgement = judgements.find(({ verdict }) => brokenVerdicts.has(verdict))
    if (!judgement || judgement.sni === null) return []
    const { device_id, stack, app_id } = judgement.key
    const choice = choiceFor(device_id, step)
    // Under off nobody asked for more than inspection; who blocks wants it broken.
    if (choice.mode === "off" || choice.hold === "block") return []
    if (isCovered(learned, { device_id, stack, sni: judgement.sni }, step)) return []
    const rounds = roundsOf.get(key) ?? []
    const since_ms = brokenSince(judgement, rounds)
    return [
      {
        key,
        device_id,
        stack,
        sni: judgement.sni,
        app_id,
        verdict: judgement.verdict,
        since_ms,
        due_ms: since_ms + step.settings["broken-at-most"],
        why: whyBroken(judgement, rounds, counts, choice, step),
      },
    ]
  })
}

function whyBroken(
  judgement: ScopeJudgement,
  rounds: readonly Trial[],
  counts: TrialCounts,
  choice: GroupChoice,
  { settings, now }: TrialStep,
): string {
  const byHand = "pinsensor bypass add splices it"
  if (judgement.verdict === "confirmed" && splicesConfirmed(choice))
    return `confirmed while no trial ran: its group's hold splices it once it is broken for broken-at-most; ${byHand} at once`
  if (judgement.verdict === "confirmed" || rounds.some(isHeld(now)))
    return `confirmed; its group's hold is ${choice.hold}: hold: splice (control.groups) or ${byHand}`
  if (judgement.verdict === "refuses-here" && !asksForControl(judgement))
    return `no trial: ${judgement.missing ?? "nothing shows that it trusts our CA elsewhere"} Until then ${byHand}`
  const why =
    lacking(judgement) ??
    inTheWay(judgement, rounds, false, settings, now) ??
    counts.full(judgement.key.device_id, settings) ??
    "its trial is next"
  return splicesConfirmed(choice)
    ? `not confirmed yet (${why}): ${byHand}`
    : `not confirmed yet (${why}), and its group's hold is ${choice.hold}: ${byHand}`
}

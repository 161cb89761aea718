/**
 * Which judgements earn a trial.
 *
 * In: trials as they stand, judgements, the caps. Out: newly armed entries. It must not know what
 * becomes of a trial, nor why one is refused (why-not-armed.ts does).
 */
import type { ScopeJudgement } from "../../record/scope-judgement.ts"
import { brokenSince } from "./broken.ts"
import { isCovered } from "./learned-standing.ts"
import { type Learned, type Trial, trialKeyOfEntry, trialKeyOfJudgement } from "./trial-key.ts"
import {
  change,
  choiceFor,
  iso,
  keptEvidence,
  type RegisterWrite,
  type TrialStep,
  unused,
} from "./trial-step.ts"
import { inTheWay, lacking, TrialCounts } from "./why-not-armed.ts"

interface Wanted {
  judgement: ScopeJudgement
  rounds: readonly Trial[]
  since: number
}

/** `again`: keys whose round has just ended with a refusal that asks for another. */
export function armTrials(
  trials: readonly Trial[],
  judged: ReadonlyMap<string, readonly ScopeJudgement[]>,
  again: ReadonlySet<string>,
  learned: readonly Learned[],
  step: TrialStep,
): RegisterWrite[] {
  const { settings, now } = step
  if (settings.mode === "off" || judged.size === 0) return []
  const roundsOf = Map.groupBy(trials, trialKeyOfEntry)
  const waiting = new Map<string, Wanted>()
  for (const [key, judgements] of judged) {
    const judgement = judgements.find((one) => lacking(one) === null)
    if (!judgement || choiceFor(judgement.key.device_id, step).mode === "off") continue
    const rounds = roundsOf.get(key) ?? []
    if (inTheWay(judgement, rounds, again.has(key), settings, now) !== null) continue
    const { device_id, stack } = judgement.key
    if (isCovered(learned, { device_id, stack, sni: judgement.sni }, step)) continue
    waiting.set(key, { judgement, rounds, since: brokenSince(judgement, rounds) })
  }
  if (waiting.size === 0) return []
  const counts = new TrialCounts(trials, now)
  const armed: RegisterWrite[] = []
  for (;;) {
    const key = nextServed(waiting, counts, step)
    const wanted = key === undefined ? undefined : waiting.get(key)
    if (key === undefined || !wanted) return armed
    waiting.delete(key)
    counts.count(wanted.judgement.key.device_id)
    const entry = armedTrial(wanted, step)
    armed.push(change(entry, `armed: ${entry.reason}`))
  }
}

function armedTrial({ judgement, rounds, since }: Wanted, step: TrialStep): Trial {
  const { common, now, newId, settings } = step
  const { key, sni, refusals, epoch } = judgement
  const round = rounds.reduce((next, { trial }) => Math.max(next, trial.round + 1), 0)
  const created_at = iso(now)
  const name = [common.tenant, trialKeyOfJudgement(judgement), round, refusals[0] ?? null]
  return {
    ...common,
    v: 1,
    id: newId(JSON.stringify(name)),
    observed_at: created_at,
    kind: "trial",
    source: "register",
    standing: "in-force",
    scope: {
      device_id: key.device_id,
      device_group: null,
      // Of the device, wherever it is: the workers know whose each address is now.
      client_network: null,
      stack: key.stack,
      sni,
      destination_network: null,
    },
    declared: null,
    owner: "pinsensor",
    reason: `${judgement.verdict}: ${sni} refused the inspection certificate ${refusals.length} times; control flow wanted (round ${round})`,
    evidence_ids: refusals.slice(-keptEvidence),
    created_at,
    expires_at: iso(now + settings["armed-for"]),
    review_at: null,
    ...unused,
    learned: null,
    trial: {
      state: "armed",
      since: created_at,
      first_splice_at: null,
      connections: 0,
      bytes: 0,
      round,
      hold: null,
      epoch: { issuing_ca: epoch.issuing_ca, sensor_config: epoch.sensor_config },
      refused_since: iso(since),
    },
  }
}

/** The key whose device had fewest trials this hour, so that one device cannot use up the fleet's
 * hour while others wait; among equals the one that is broken longest, then the first in order. */
function nextServed(
  waiting: ReadonlyMap<string, Wanted>,
  counts: TrialCounts,
  { settings }: TrialStep,
): string | undefined {
  let next: { key: string; count: number; since: number } | undefined
  for (const [key, { judgement, since }] of waiting) {
    const { device_id } = judgement.key
    if (counts.full(device_id, settings) !== null) continue
    const count = counts.thisHour(device_id)
    const before =
      next === undefined ||
      count < next.count ||
      (count === next.count && (since < next.since || (since === next.since && key < next.key)))
    if (before) next = { key, count, since }
  }
  return next?.key
}

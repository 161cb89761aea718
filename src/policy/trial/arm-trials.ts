/**
 * Which judgements earn a trial.
 *
 * In: trials as they stand, judgements, the caps. Out: newly armed entries. It must not know what
 * becomes of a trial, nor why one is refused (why-not-armed.ts does).
 */
import type { ScopeJudgement } from "../../record/scope-judgement.ts"
import type { ControlSettings } from "../settings.ts"
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

/** `refuses-here` comes last, and has half of the caps at most: on Android it is many an app that only did not opt
 * in to user-added CAs. Then the key whose device had fewest trials this hour, so that one device cannot use up
 * the fleet's hour while others wait; among equals the one that is broken longest, then the first in order. */
function nextServed(
  waiting: ReadonlyMap<string, Wanted>,
  counts: TrialCounts,
  { settings }: TrialStep,
): string | undefined {
  let next: { key: string; rank: readonly number[] } | undefined
  const half = halfOf(settings)
  for (const [key, { judgement, since }] of waiting) {
    const { device_id } = judgement.key
    const isEarly = judgement.verdict === "refuses-here"
    if (counts.full(device_id, isEarly ? half : settings) !== null) continue
    const rank = [isEarly ? 1 : 0, counts.thisHour(device_id), since]
    const order = next === undefined ? -1 : compare(rank, next.rank)
    if (next === undefined || order < 0 || (order === 0 && key < next.key)) next = { key, rank }
  }
  return next?.key
}

function halfOf(settings: ControlSettings): ControlSettings {
  const half = (cap: number) => Math.ceil(cap / 2)
  return {
    ...settings,
    "fleet-an-hour": half(settings["fleet-an-hour"]),
    "per-device-a-day": half(settings["per-device-a-day"]),
  }
}

function compare(a: readonly number[], b: readonly number[]): number {
  for (const [at, one] of a.entries()) {
    const other = b[at] ?? 0
    if (one !== other) return one - other
  }
  return 0
}

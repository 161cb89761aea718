/**
 * What is learned about a group, once enough of its devices have confirmed the same name.
 *
 * In: confirmations, what was learned before, the operator's choices. Out: new and changed entries.
 * It must not know how a key was confirmed.
 */
import type { ScopeJudgement } from "../../record/scope-judgement.ts"
import { controlOf, type GroupChoice } from "../settings.ts"
import { type Confirmation, evidenceOf, learnedEntry } from "./learn.ts"
import { isTurnedDown } from "./learned-standing.ts"
import { isLive, isSameEpoch, type Learned, type Trial } from "./trial-key.ts"
import {
  change,
  keptEvidence,
  type RegisterWrite,
  splicesConfirmed,
  type TrialStep,
} from "./trial-step.ts"

/** At most so many devices are named by an entry. */
const namedDevices = 50

/**
 * The entry or proposal about a group, once so many of its devices have confirmed the name in one
 * epoch: each of them bound, and devices of one user counted once, so that neither one device nor
 * one person opens anything for others. Of several groups those that `control.groups` names come
 * first, in its order, then the one with the fewest devices: an entry opens no more than it must.
 */
export function ofGroups(
  { trial, judgement }: Confirmation,
  trials: readonly Trial[],
  learned: readonly Learned[],
  step: TrialStep,
): RegisterWrite[] {
  const { settings, deviceOf, now } = step
  const { device_id, sni } = trial.scope
  if (device_id === null || sni === null || trial.trial.epoch === null) return []
  const agreeing = trials.filter((other) => agrees(other, trial, now))
  const [best] = deviceOf(device_id)
    .groups.filter((group) => controlOf(settings, [group]).mode === "learn")
    .map((group) => ({ group, by: agreeing.filter((each) => isOfGroup(each, group, step)) }))
    .filter(({ by }) => people(by, step) >= settings.learn.devices)
    .sort((a, b) => rank(a.group, step) - rank(b.group, step) || (a.group < b.group ? -1 : 1))
  if (!best) return []
  const { group, by } = best
  const known = learned.filter(
    ({ scope }) => scope.device_group === group && scope.sni === sni && scope.stack === null,
  )
  const choice = controlOf(settings, [group])
  const living = known.find((entry) => isLive(entry, now))
  if (living) return joined(living, trial)
  const key = { device_id: null, stack: null, sni }
  if (known.some((entry) => isTurnedDown([entry], key, choice["hold-for"], step))) return []
  // One that ended before its time was ended for a reason; that holds as long as it would have.
  if (known.some(({ created_at }) => Date.parse(created_at) > now - choice["hold-for"])) return []
  return [groupEntry({ group, by, choice, ...(judgement && { judgement }) }, trial, step)]
}

function groupEntry(
  {
    group,
    by,
    choice,
    judgement,
  }: {
    group: string
    by: readonly Trial[]
    choice: GroupChoice
    judgement?: ScopeJudgement
  },
  { scope: { sni }, id, tenant }: Trial,
  step: TrialStep,
): RegisterWrite {
  const inForce = splicesConfirmed(choice)
  const device_ids = devicesOf(by).slice(-namedDevices)
  const evidence = [
    ...by.flatMap(({ evidence_ids }) => evidence_ids.slice(-Math.ceil(keptEvidence / by.length))),
    ...(judgement ? evidenceOf(judgement) : []),
  ]
  const reason = `${inForce ? "learned" : "proposed"}: ${sni} refuses the inspection certificate on ${device_ids.length} devices of ${group} and works without it (trials ${by.map((each) => each.id).join(", ")})`
  const entry: Learned = {
    ...learnedEntry(step, {
      id: JSON.stringify(["learned", tenant, group, sni, id]),
      standing: inForce ? "in-force" : "proposed",
      reason,
      evidence_ids: [...new Set(evidence)].slice(-keptEvidence),
      until: step.now + choice["hold-for"],
    }),
    scope: {
      device_id: null,
      device_group: group,
      client_network: null,
      stack: null,
      sni,
      destination_network: null,
    },
    learned: { device_ids, retest: null, renewals: 0 },
  }
  return change(entry, reason)
}

/** One more device confirms what stands already: evidence for whoever decides about it. */
function joined(entry: Learned, { scope: { device_id }, evidence_ids }: Trial): RegisterWrite[] {
  const { device_ids } = entry.learned
  if (device_id === null || device_ids.includes(device_id) || device_ids.length >= namedDevices)
    return []
  const more: Learned = {
    ...entry,
    evidence_ids: [...entry.evidence_ids, ...evidence_ids.slice(-3)].slice(-keptEvidence),
    learned: { ...entry.learned, device_ids: [...device_ids, device_id] },
  }
  return [change(more, `${device_id} confirms it too`)]
}

/** Confirmed for the same name, in the same epoch, and not long ago. */
function agrees(other: Trial, trial: Trial, now: number): boolean {
  const [mine, its] = [trial.trial.epoch, other.trial.epoch]
  return (
    other.trial.state === "holding" &&
    isLive(other, now) &&
    other.scope.sni === trial.scope.sni &&
    mine !== null &&
    its !== null &&
    isSameEpoch(mine, its)
  )
}

function isOfGroup({ scope }: Trial, group: string, { deviceOf }: TrialStep): boolean {
  return scope.device_id !== null && deviceOf(scope.device_id).groups.includes(group)
}

function devicesOf(trials: readonly Trial[]): string[] {
  return [...new Set(trials.flatMap(({ scope }) => scope.device_id ?? []))]
}

/** Devices of one user are one; a device without a known user is its own. */
function people(trials: readonly Trial[], { deviceOf }: TrialStep): number {
  const who = devicesOf(trials).map((id) => {
    const { user } = deviceOf(id)
    return user === null ? `device ${id}` : `user ${user.toLowerCase()}`
  })
  return new Set(who).size
}

function rank(group: string, { settings, groupSize }: TrialStep): number {
  const named = settings.groups.findIndex((each) => each.group === group)
  return named >= 0 ? named - settings.groups.length : groupSize(group)
}

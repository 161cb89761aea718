/**
 * What a confirmed key leads to beside its hold: an entry in force, or a proposal. First about the
 * device; once enough devices of a group have confirmed the same name, about the group.
 *
 * In: confirmations, what was learned before, the operator's choices. Out: new and ended entries. It
 * must not know how a key was confirmed.
 */
import type { RegisterEntry } from "../../record/register-entry.ts"
import type { ScopeJudgement } from "../../record/scope-judgement.ts"
import { controlOf, type GroupChoice } from "../settings.ts"
import { isLive, isSameEpoch, type Learned, type Trial } from "./trial-key.ts"
import {
  change,
  choiceFor,
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

/** Who answers for an entry that nobody has accepted by hand. */
export const byItself = "pinsensor"

/** At most so many devices are named by an entry. */
const namedDevices = 50

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

/**
 * What the operator's choices make of entries that nobody has accepted by hand: one whose group does
 * not splice any more ends, and so does one about a device when one about its group has taken its
 * place. A proposal takes the place of proposals only.
 */
export function settled(learned: readonly Learned[], step: TrialStep): RegisterWrite[] {
  const groups = Map.groupBy(
    learned.filter(
      (entry) =>
        entry.scope.device_group !== null &&
        entry.scope.device_id === null &&
        isLive(entry, step.now),
    ),
    ({ scope }) => scope.sni,
  )
  return learned.flatMap((entry) => {
    if (entry.owner !== byItself || !isLive(entry, step.now)) return []
    const why = takenBack(entry, step) ?? replaced(entry, groups.get(entry.scope.sni) ?? [], step)
    return why === null ? [] : [change(ended(entry, step.now), why)]
  })
}

function takenBack({ standing, scope }: Learned, step: TrialStep): string | null {
  // While control is off for all, workers follow none of them; they are there when it is on again.
  if (standing !== "in-force" || step.settings.mode === "off") return null
  const { device_group, device_id } = scope
  const choice =
    device_group === null ? choiceFor(device_id, step) : controlOf(step.settings, [device_group])
  return splicesConfirmed(choice)
    ? null
    : `ended: control does not splice what is confirmed any more (${choice.mode}, hold: ${choice.hold})`
}

function replaced(
  { standing, scope }: Learned,
  ofGroups: readonly Learned[],
  { deviceOf }: TrialStep,
): string | null {
  if (scope.device_id === null || ofGroups.length === 0) return null
  const { groups } = deviceOf(scope.device_id)
  const by = ofGroups.find(
    (entry) =>
      groups.includes(entry.scope.device_group ?? "") &&
      (entry.standing === "in-force" || standing === "proposed"),
  )
  return by ? `ended: ${by.id}, about the group ${by.scope.device_group}, takes its place` : null
}

export function ended(entry: Learned, now: number): Learned {
  return { ...entry, expires_at: iso(now), learned: { ...entry.learned, retest: null } }
}

/**
 * Whether a person has ended something learned that was about this key, not longer ago than what is
 * confirmed holds: however long it had lasted, that word stands, and a new confirmation opens nothing.
 */
export function isTurnedDown(
  learned: readonly Learned[],
  key: Pick<RegisterEntry["scope"], "device_id" | "stack" | "sni">,
  holdFor: number,
  { deviceOf, endedByHand, now }: Pick<TrialStep, "deviceOf" | "endedByHand" | "now">,
): boolean {
  return learned.some(
    ({ id, scope, expires_at }) =>
      scope.sni === key.sni &&
      expires_at !== null &&
      Date.parse(expires_at) > now - holdFor &&
      (scope.stack === null || scope.stack === key.stack) &&
      (scope.device_id === null || scope.device_id === key.device_id) &&
      (scope.device_group === null ||
        key.device_id === null ||
        deviceOf(key.device_id).groups.includes(scope.device_group)) &&
      endedByHand(id),
  )
}

/** Whether something learned is in force for this device's connections to the name. */
export function isCovered(
  learned: readonly Learned[],
  key: Pick<RegisterEntry["scope"], "device_id" | "stack" | "sni">,
  { deviceOf, now }: Pick<TrialStep, "deviceOf" | "now">,
): boolean {
  return learned.some(
    (entry) =>
      entry.scope.sni === key.sni &&
      entry.standing === "in-force" &&
      isLive(entry, now) &&
      key.device_id !== null &&
      (entry.scope.device_id === null || entry.scope.device_id === key.device_id) &&
      (entry.scope.device_group === null ||
        deviceOf(key.device_id).groups.includes(entry.scope.device_group)) &&
      (entry.scope.stack === null || entry.scope.stack === key.stack),
  )
}

function learnedEntry(
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

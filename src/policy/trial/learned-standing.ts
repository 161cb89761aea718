/**
 * What stands of what was learned: what the operator's choices leave of it, what a person has ended,
 * and which keys it covers.
 *
 * In: learned entries, the operator's choices. Out: ended entries, answers. It must not know how
 * anything is learned.
 */
import type { RegisterEntry } from "../../record/register-entry.ts"
import { controlOf } from "../settings.ts"
import { isLive, type Learned } from "./trial-key.ts"
import {
  change,
  choiceFor,
  iso,
  type RegisterWrite,
  splicesConfirmed,
  type TrialStep,
} from "./trial-step.ts"

/** Who answers for an entry that nobody has accepted by hand. */
export const byItself = "pinsensor"

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

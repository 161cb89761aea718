/**
 * Refusals of one registrable domain under many names, none of which has enough by itself: a client that
 * takes a new name for each try would else never be judged.
 *
 * In: the evidence of all keys of a device. Out: evidence that stands for a whole domain, `*.` before its
 * name. It must not know verdicts: a trial is for one name, so it is never more than suspected.
 */
import { actorKey } from "./actor.ts"
import { bucketsOf, byTime, tries } from "./bucket.ts"
import { controlEvidence } from "./control.ts"
import { areEnough, type KeyEvidence } from "./key-evidence.ts"
import type { ScopeSettings } from "./tunables.ts"

/** One for each actor and domain of which so many names were refused as tries are enough, and none was
 * accepted, nor failed without inspection. */
export function rotatedNames(keys: readonly KeyEvidence[], settings: ScopeSettings): KeyEvidence[] {
  if (keys.filter(({ refusals }) => refusals.length > 0).length < settings.refusals) return []
  const domains = Map.groupBy(
    keys.filter(({ group }) => group.hasDomain),
    ({ cut, group }) => `${cut} ${group.registrable} ${actorKey(group.actor)}`,
  )
  return [...domains.values()].flatMap((names) => {
    const refused = names.filter(({ refusals }) => refusals.length > 0)
    if (refused.length < settings.refusals || names.some(speaksAgainst)) return []
    if (names.some(({ refusals }) => areEnough(refusals, settings))) return []
    const whole = together(refused, settings)
    return areEnough(whole.refusals, settings) ? [whole] : []
  })
}

function speaksAgainst({ acceptances, perhapsOwn, control, privateOrigin }: KeyEvidence): boolean {
  return (
    acceptances.length > 0 || perhapsOwn.length > 0 || control.failed.length > 0 || privateOrigin
  )
}

function together(names: readonly KeyEvidence[], settings: ScopeSettings): KeyEvidence {
  const [first] = names
  if (!first) throw new Error("rotated-names: a domain without names")
  const groups = names.map(({ group }) => group)
  const attempts = names.flatMap((name) => name.attempts).sort(byTime)
  const flows = names.flatMap((name) => name.flows).sort(byTime)
  const refusals = names.flatMap((name) => name.refusals).sort(byTime)
  const adopted = new Set(groups.flatMap((group) => [...group.adopted]))
  const counted = tries(refusals)
  const sum = (part: keyof KeyEvidence["dropped"]) =>
    names.reduce((all, { dropped }) => all + dropped[part], 0)
  return {
    ...first,
    group: {
      ...first.group,
      destination: `*.${first.group.registrable}`,
      attempts,
      flows,
      adopted,
      stacks: new Set(groups.flatMap(({ stacks }) => [...stacks])),
      programs: new Set(groups.flatMap(({ programs }) => [...programs])),
      apps: new Set(groups.flatMap(({ apps }) => [...apps])),
    },
    attempts,
    flows,
    refusals,
    tries: counted,
    buckets: bucketsOf(counted, settings.bucket),
    strong: true,
    observedSuffices: areEnough(
      refusals.filter(({ id }) => !adopted.has(id)),
      settings,
    ),
    dropped: {
      spare: sum("spare"),
      network: sum("network"),
      lostRace: sum("lostRace"),
      weakAlone: sum("weakAlone"),
    },
    control: controlEvidence(flows, refusals),
    bypassed: names.flatMap(({ bypassed }) => bypassed).sort(byTime),
    ech: names.some(({ ech }) => ech),
  }
}

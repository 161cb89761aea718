/**
 * What has become different while a bypass holds. In: the profile of a bypass. Out: what is not as
 * it was while the bypass was new, each with the flow that showed it. It must not know the clock: all
 * times are event times.
 *
 * Rather silent than wrong: an alarm that comes with every update of an app is read once. docs/lists.md
 * says what each rule lets pass, and how many drifts a bypass can have at most.
 */
import type { DriftSign } from "../../record/drift.ts"
import { type BypassProfile, type Day, dayOf, most, type Sight } from "./bypass-profile.ts"

export const drift = {
  /** What is seen within so long after the first flow, and until the third, belongs to the bypass. */
  learningMs: 24 * 3_600_000,
  /** A new network tells something only if there was none for so many days of use before it. */
  settledDays: 3,
  /** A day's volume is compared with so many days of use at least. */
  volumeDays: 3,
  /** It must be so many times their median, so many times the largest of them, and so many bytes. */
  volumeFactor: 10,
  volumeOverLargest: 2,
  volumeFloor: 50 * 1024 ** 2,
}

export interface Drifted {
  sign: DriftSign
  /** The same for the same news: what makes a drift's id. */
  thing: string
  was: string
  now: string
  at: number
  device_id: string | null
  flows: string[]
}

/** What differs and was not told yet. */
export function newDrifts(profile: BypassProfile): Drifted[] {
  const drifts = driftsIn(profile)
  return drifts.length === 0 ? [] : drifts.filter(({ thing }) => !profile.told.includes(thing))
}

/** The profile after these were told; those of days that are no longer kept cannot come again. */
export function withTold(profile: BypassProfile, drifts: readonly Drifted[]): BypassProfile {
  const kept = new Set(profile.days.map(({ day }) => `volume ${day}`))
  const told = [...profile.told, ...drifts.map(({ thing }) => thing)]
  return { ...profile, told: told.filter((t) => !t.startsWith("volume ") || kept.has(t)) }
}

/** Everything that differs. The same for any order of the flows; a flow that comes late can only
 * explain what was told before it. */
export function driftsIn(profile: BypassProfile): Drifted[] {
  const learnedUntil = endOfLearning(profile)
  if (learnedUntil === null) return []
  const volume = volumeDrifts(profile, learnedUntil)
  const spread = namesSpread(profile, learnedUntil)
  // So many names are a category, not an app: any stack, any network may come to it.
  if (profile.names.length === most.names) return [...volume, ...spread]
  return [...stackDrifts(profile, learnedUntil), ...addressDrifts(profile, learnedUntil), ...volume]
}

/** Null: too few flows to know anything. */
function endOfLearning({ earliest }: BypassProfile): number | null {
  const [first] = earliest
  const last = earliest.at(-1)
  if (first === undefined || last === undefined || earliest.length < most.earliest) return null
  return Math.max(first + drift.learningMs, last)
}

function stackDrifts({ stacks }: BypassProfile, learnedUntil: number): Drifted[] {
  return stacks.flatMap((sight, index) =>
    sight.at > learnedUntil
      ? [seen("stack", sight, `${count(index, "stack")}: ${few(stacks.slice(0, index))}`)]
      : [],
  )
}

/** The ninth network and those after it tell nothing: the name is served from all over. */
function addressDrifts({ networks, days }: BypassProfile, learnedUntil: number): Drifted[] {
  return networks.slice(0, most.networks - 1).flatMap((sight, index) => {
    const before = networks[index - 1]
    if (sight.at <= learnedUntil || !before) return []
    const settled = daysBetween(days, before.at, sight.at)
    if (settled < drift.settledDays) return []
    const was = `${count(index, "network")}: ${few(networks.slice(0, index))}; none new on ${settled} days of use`
    return [seen("address", sight, was)]
  })
}

/** A bypass of few names that has become one of many. */
function namesSpread({ names }: BypassProfile, learnedUntil: number): Drifted[] {
  const last = names.at(-1)
  if (names.length < most.names || !last || last.at <= learnedUntil) return []
  return [seen("address", last, `${count(names.length - 1, "name")}: ${few(names.slice(0, -1))}`)]
}

function volumeDrifts({ days }: BypassProfile, learnedUntil: number): Drifted[] {
  return days.flatMap(({ day, bytes, largest }, index) => {
    const earlier = days.slice(0, index)
    if (day <= dayOf(learnedUntil) || earlier.length < drift.volumeDays) return []
    const sorted = earlier.map((each) => each.bytes).sort((a, b) => a - b)
    const median = sorted[Math.floor((sorted.length - 1) / 2)] ?? 0
    const top = sorted.at(-1) ?? 0
    const [flow] = largest
    const isMuch =
      bytes >= drift.volumeFloor &&
      bytes > median * drift.volumeFactor &&
      bytes > top * drift.volumeOverLargest
    if (!isMuch || !flow) return []
    const was = `${mebibytes(median)} a day in the median, ${mebibytes(top)} at most, of ${earlier.length} days`
    const { at, device_id } = flow
    const flows = largest.map((each) => each.flow)
    const thing = `volume ${day}`
    return [
      { sign: "volume", thing, was, now: `${mebibytes(bytes)} on ${day}`, at, device_id, flows },
    ]
  })
}

function seen(sign: DriftSign, { what, at, flow, device_id }: Sight, was: string): Drifted {
  return { sign, thing: `${sign} ${what}`, was, now: what, at, device_id, flows: [flow] }
}

/** Days of use after that of `from` and before that of `to`. */
function daysBetween(days: readonly Day[], from: number, to: number): number {
  const [after, before] = [dayOf(from), dayOf(to)]
  return days.filter(({ day }) => day > after && day < before).length
}

function few(sights: readonly Sight[]): string {
  const shown = sights.slice(0, 3).map(({ what }) => what)
  return [...shown, ...(sights.length > 3 ? [`${sights.length - 3} more`] : [])].join(", ")
}

function count(number: number, noun: string): string {
  return `${number} ${noun}${number === 1 ? "" : "s"}`
}

function mebibytes(bytes: number): string {
  return `${(bytes / 1024 ** 2).toFixed(1)} MiB`
}

/**
 * The baseline: destinations that an app is known to use. In: what is remembered of a pair, what
 * persons said of it, and the rule. Out: whether it is baseline at a time, and in words why or what is
 * missing. Nothing here looks at a clock: it is the same for any order in which the facts came.
 */
import type { PairQuestion, PairStanding } from "../record/baseline.ts"
import type { BaselineChange } from "../record/baseline-change.ts"
import type { PairProfile } from "../record/pair-profile.ts"
import type { BaselineStatements } from "./baseline-statements.ts"
import { dayMs, type KeptOfPair } from "./pair-profile.ts"
import type { AnalyticsSettings } from "./settings.ts"

export type LearningRule = AnalyticsSettings["baseline"]

/** What teaches at a time, one device left out. */
export interface Lesson {
  devices: number
  days: number
  /** Devices that accepted or refused our certificate in the window; two tell enough. */
  accepted: number
  refused: number
  /** First and last showing in the window that count; null without any. */
  first_ms: number | null
  last_ms: number | null
}

/** What is kept of a pair, so that the rule can be asked at any time that late records reach. */
export function keptOfPair(
  { devices, window }: LearningRule,
  latenessMs: number,
  freezes: readonly BaselineChange[],
): KeptOfPair {
  return {
    devices: devices + 1,
    days: Math.ceil((window + latenessMs) / dayMs) + 2,
    also: freezes.slice(-4).map(({ observed_at }) => {
      const to = Date.parse(observed_at)
      return { from: to - window - dayMs, to }
    }),
  }
}

/** The window is whole days: that of `at`, and those before it. */
export function lessonOf(
  pair: PairProfile,
  { window }: LearningRule,
  at: number,
  but: string | null,
): Lesson {
  const last = Math.floor(at / dayMs)
  const first = last - Math.max(1, Math.ceil(window / dayMs)) + 1
  const devices = new Set<string>()
  const accepted = new Set<string>()
  const refused = new Set<string>()
  let days = 0
  let [first_ms, last_ms]: [number | null, number | null] = [null, null]
  for (const day of pair.days) {
    if (day.day < first || day.day > last) continue
    const before = devices.size
    let shown = false
    for (const [device, ms] of day.used) {
      if (ms > at || device === but) continue
      shown = true
      devices.add(device)
      first_ms = Math.min(first_ms ?? ms, ms)
      last_ms = Math.max(last_ms ?? ms, ms)
    }
    if (shown || devices.size > before) days += 1
    for (const [device, ms] of day.accepted) if (ms <= at && device !== but) accepted.add(device)
    for (const [device, ms] of day.refused) if (ms <= at && device !== but) refused.add(device)
  }
  const [a, r] = [accepted.size, refused.size]
  return { devices: devices.size, days, accepted: a, refused: r, first_ms, last_ms }
}

/** What the lesson lacks, in words; null: it teaches. */
export function lackOf(lesson: Lesson, rule: LearningRule): string | null {
  if (lesson.refused > 0 && lesson.accepted === 0)
    return "it is refused under inspection and accepted by no device, which is never learned"
  if (lesson.devices === 0) return "no other device used it in the window without our doing"
  const lacks: string[] = []
  if (lesson.devices < rule.devices)
    lacks.push(`used by ${lesson.devices} of ${rule.devices} devices`)
  if (lesson.days < rule.days) lacks.push(`on ${lesson.days} of ${rule.days} days`)
  return lacks.length === 0 ? null : lacks.join(" and ")
}

export interface StandingInput extends PairQuestion {
  /** Null: nothing was seen of it. */
  pair: PairProfile | null
  statements: BaselineStatements
  rule: LearningRule
  /** Event time in epoch milliseconds, and the device that is judged (null: none). */
  at: number
  but: string | null
}

/** What a person said decides; else what was learned, where learning is frozen up to the freeze. */
export function standingOf(input: StandingInput): PairStanding {
  const { app_id, destination, signer, pair, statements, rule, at, but } = input
  const said = statements.of(app_id, destination, at)
  if (said?.what === "added") return { is: "added", why: `added by ${wordsOf(said)}` }
  if (said) return { is: "removed", why: `removed by ${wordsOf(said)}` }
  const until = statements.learnedUntil(app_id, at)
  const frozen = until === at ? "" : ` (frozen since ${new Date(until + 1).toISOString()})`
  const missing = (why: string): PairStanding => ({ is: "missing", why: `${why}${frozen}` })
  if (pair === null) return missing("the app was not seen there")
  const lesson = lessonOf(pair, rule, until, but)
  const lack = lackOf(lesson, rule)
  if (lack !== null) return missing(lack)
  if (signer !== null && isForeignSigner(pair, signer, but))
    return missing("no other device has the app under this signer")
  const seen = `${atLeast(lesson.devices, rule.devices + 1)} devices on ${lesson.days} days`
  return { is: "learned", why: `learned from ${seen}${frozen}` }
}

/** Signers are known, and this is none of them: a repackaged app has no part in the baseline. */
function isForeignSigner({ signers }: PairProfile, signer: string, but: string | null): boolean {
  const others = signers.filter(({ device_id }) => device_id !== but)
  const plain = signer.replaceAll(":", "").toLowerCase()
  return others.length > 0 && !others.some(({ what }) => what === plain)
}

function wordsOf({ owner, expires_at, reason }: BaselineChange): string {
  const until = expires_at === null ? "" : ` until ${expires_at}`
  return `${owner}${until}: ${reason}`
}

/** Beyond what is kept of one day it may be more. */
function atLeast(count: number, kept: number): string {
  return count >= kept ? `${count} or more` : String(count)
}

/** Since when a pair is learned without a break, as seen from a time; null if it is not. */
export function learnedSince(pair: PairProfile, rule: LearningRule, at: number): number | null {
  const holds = (ms: number) => lackOf(lessonOf(pair, rule, ms, null), rule) === null
  if (!holds(at)) return null
  let since = at
  const times = pair.days.flatMap(({ day, used, accepted }) => [
    day * dayMs,
    ...[...used, ...accepted].map(([, ms]) => ms),
  ])
  for (const ms of times.filter((time) => time <= at).sort((a, b) => b - a)) {
    if (!holds(ms)) return since
    since = ms
  }
  return since
}

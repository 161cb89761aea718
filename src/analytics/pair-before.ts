/**
 * What a pair was before something in it became different: what its profile knew while it was new, and
 * what has been there for so long that it belongs to it.
 */
import type { PairBefore, PairQuestion } from "../record/baseline.ts"
import type { PairDay, PairProfile, PairThing } from "../record/pair-profile.ts"
import type { LearningRule } from "./baseline.ts"
import { registrableDomain } from "./destination.ts"
import { dayMs, mostOfPair } from "./pair-profile.ts"

/** What is seen within so long after the first connection, and until the third, belongs to the pair. */
const learningMs = dayMs
/** A day's volume is compared with so many days of use at least. */
const volumeDays = 3

/**
 * Null where too little is known to compare with. Something new is news for the window of the baseline;
 * whoever lets it stand so long has taken it in. Signers excepted: they do not change by themselves.
 */
export function pairBefore(
  pair: PairProfile,
  { signer, stacks }: PairQuestion & { stacks: readonly string[] },
  { window }: Pick<LearningRule, "window">,
  at: number,
): PairBefore | null {
  const { earliest } = pair
  const third = earliest[mostOfPair.earliest - 1]
  const [first] = earliest
  if (first === undefined || third === undefined) return null
  const learnedUntil = Math.max(first + learningMs, third)
  if (learnedUntil >= at) return null
  const settled = (thing: PairThing) => thing.at <= Math.max(learnedUntil, at - window)
  const known = pair.stacks.filter(settled).map(({ what }) => what)
  // Where more stacks were seen than are kept, one that is not among them tells nothing.
  const full = pair.stacks.length === mostOfPair.stacks
  const signers = pair.signers.filter((thing) => thing.at <= learnedUntil).map(({ what }) => what)
  const plain = signer?.replaceAll(":", "").toLowerCase() ?? null
  const days = pair.days.filter(({ day }) => (day + 1) * dayMs <= at)
  const today = pair.days.find(({ day }) => day === Math.floor(at / dayMs))
  return {
    seen: {
      app_version: null,
      signer: plain !== null && signers.includes(plain) ? plain : (signers[0] ?? null),
      stacks: full ? [...new Set([...known, ...stacks])] : known,
      registrable_domain: registrableDomain(pair.destination),
      verdict: wasAccepted(days) ? "accepts" : "undetermined",
      background: null,
      bytes_a_day: usual(days.map(({ bytes }) => bytes)),
      connections_a_day: usual(days.map(({ connections }) => connections)),
    },
    bytes_today: today?.bytes ?? 0,
    connections_today: today?.connections ?? 0,
  }
}

/** On the days before, our certificate was accepted there and never refused. */
function wasAccepted(days: readonly PairDay[]): boolean {
  return (
    days.some(({ accepted }) => accepted.length > 0) &&
    days.every((day) => day.refused.length === 0)
  )
}

/** The median, but no less than a fifth of the largest: one great day makes another no news. */
function usual(amounts: readonly number[]): number | null {
  if (amounts.length < volumeDays) return null
  const sorted = [...amounts].sort((a, b) => a - b)
  const median = sorted[Math.floor((sorted.length - 1) / 2)] ?? 0
  return Math.max(median, (sorted.at(-1) ?? 0) / 5)
}

/**
 * Bounds of shares. Cases of one world are not independent, so shares are bounded by drawing whole worlds again
 * within their strata; where nothing happened that gives no bound, and the binomial one is taken.
 */
import type { Random } from "../random.ts"

const draws = 1_000

/** A part and its whole, of one world. */
export type Pair = readonly [part: number, whole: number]

export function added(pairs: readonly Pair[]): [number, number] {
  return pairs.reduce<[number, number]>(([a, b], [part, whole]) => [a + part, b + whole], [0, 0])
}

/** 2.5 and 97.5 % of the drawn shares; null with one world in each stratum. */
export function drawnBounds(
  strata: readonly (readonly Pair[])[],
  random: Random,
): [number, number] | null {
  if (strata.every((pairs) => pairs.length < 2)) return null
  const drawn: number[] = []
  for (let i = 0; i < draws; i += 1) {
    let [part, whole] = [0, 0]
    for (const pairs of strata)
      for (let left = pairs.length; left > 0; left -= 1) {
        const [some, all] = random.pick(pairs)
        part += some
        whole += all
      }
    if (whole > 0) drawn.push(part / whole)
  }
  drawn.sort((a, b) => a - b)
  const at = (share: number) => drawn[Math.floor(share * (drawn.length - 1))] ?? Number.NaN
  return [at(0.025), at(0.975)]
}

/** Clopper and Pearson's upper bound, one-sided, 95 %: the share at which so few or fewer come one time in twenty. */
export function upperBound(part: number, whole: number): number {
  if (whole === 0 || part >= whole) return 1
  return bisect((share) => atMost(part, whole, share) > 0.05)
}

export function lowerBound(part: number, whole: number): number {
  return 1 - upperBound(whole - part, whole)
}

/** The probability of at most `part` of `whole`, each with this share. */
function atMost(part: number, whole: number, share: number): number {
  let term = whole * Math.log1p(-share)
  let sum = Math.exp(term)
  for (let i = 1; i <= part; i += 1) {
    term += Math.log((whole - i + 1) / i) + Math.log(share) - Math.log1p(-share)
    sum += Math.exp(term)
  }
  return sum
}

/** Where it stops being true, between 0 and 1. */
function bisect(holds: (share: number) => boolean): number {
  let [low, high] = [0, 1]
  for (let i = 0; i < 60; i += 1) {
    const middle = (low + high) / 2
    if (holds(middle)) low = middle
    else high = middle
  }
  return high
}

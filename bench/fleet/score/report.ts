/** Worlds added up, with bounds from drawing the worlds again. */
import { Random } from "../random.ts"
import type { WorldScore } from "./score-world.ts"

const draws = 1_000

export interface Line {
  name: string
  part: number
  whole: number
  /** 2.5 and 97.5 % of the drawn values; null with one world. */
  bounds: [number, number] | null
}

export function linesOf(scores: readonly WorldScore[]): Line[] {
  const names = [...new Set(scores.flatMap(({ parts }) => [...parts.keys()]))].sort()
  const random = new Random("bootstrap")
  return names.map((name) => {
    const pairs = scores.map(({ parts }) => parts.get(name) ?? ([0, 0] as [number, number]))
    const [part, whole] = added(pairs)
    return { name, part, whole, bounds: scores.length > 1 ? boundsOf(pairs, random) : null }
  })
}

function boundsOf(pairs: readonly [number, number][], random: Random): [number, number] {
  const drawn = Array.from({ length: draws }, () =>
    ratio(added(pairs.map(() => random.pick(pairs)))),
  ).filter(Number.isFinite)
  drawn.sort((a, b) => a - b)
  const at = (share: number) => drawn[Math.floor(share * (drawn.length - 1))] ?? Number.NaN
  return [at(0.025), at(0.975)]
}

function added(pairs: readonly (readonly [number, number])[]): [number, number] {
  return pairs.reduce<[number, number]>(([a, b], [part, whole]) => [a + part, b + whole], [0, 0])
}

function ratio([part, whole]: readonly [number, number]): number {
  return whole === 0 ? Number.NaN : part / whole
}

export function table(scores: readonly WorldScore[]): string {
  const rows = linesOf(scores).map(({ name, part, whole, bounds }) => {
    const value = whole === 0 ? "" : number(part / whole)
    // No event in n cases: the rule of three is an upper bound that resampling cannot give.
    const of =
      part === 0 && whole > 0 && name.startsWith("false") ? ` (<= ${number(3 / whole)})` : ""
    const between = bounds && whole > 0 ? `${number(bounds[0])} to ${number(bounds[1])}` : ""
    return `| ${name} | ${value}${of} | ${between} | ${number(part)} of ${number(whole)} |`
  })
  const hours = scores.flatMap(({ hoursToDetection }) => hoursToDetection).sort((a, b) => a - b)
  const at = (share: number) => number(hours[Math.floor(share * (hours.length - 1))] ?? Number.NaN)
  rows.push(
    `| hours to detection, median and 90 % | ${at(0.5)}, ${at(0.9)} | | ${hours.length} cases |`,
  )
  return ["| metric | value | 95 % by world | counts |", "| --- | --- | --- | --- |", ...rows].join(
    "\n",
  )
}

function number(value: number): string {
  return Number.isFinite(value) ? String(Number(value.toPrecision(3))) : "-"
}

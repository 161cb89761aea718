/** Worlds added up, with bounds from drawing the worlds again. */
import { Random } from "../random.ts"
import { added, drawnBounds, upperBound } from "./bounds.ts"
import type { WorldScore } from "./score-world.ts"

export function table(scores: readonly WorldScore[]): string {
  const names = [...new Set(scores.flatMap(({ parts }) => Object.keys(parts)))].sort()
  const random = new Random("bootstrap")
  const rows = names.map((name) => {
    const pairs = scores.map(({ parts }) => parts[name] ?? ([0, 0] as const))
    const [part, whole] = added(pairs)
    const value = whole === 0 ? "" : number(part / whole)
    const isRare = name.startsWith("false") && whole > 0
    const of = isRare ? ` (<= ${number(upperBound(part, whole))})` : ""
    const bounds = whole > 0 ? drawnBounds([pairs], random) : null
    const between = bounds ? `${number(bounds[0])} to ${number(bounds[1])}` : ""
    return `| ${name} | ${value}${of} | ${between} | ${number(part)} of ${number(whole)} |`
  })
  rows.push(`| hours to detection, median and 90 % | ${hours(scores)} | | |`)
  return ["| metric | value | 95 % by world | counts |", "| --- | --- | --- | --- |", ...rows].join(
    "\n",
  )
}

/** From the first refusal to `confirmed`: median, 90 %, and of how many cases. */
export function hours(scores: readonly WorldScore[]): string {
  const all = scores.flatMap(({ hoursToDetection }) => hoursToDetection).sort((a, b) => a - b)
  const at = (share: number) => number(all[Math.floor(share * (all.length - 1))] ?? Number.NaN)
  return `${at(0.5)}, ${at(0.9)} of ${all.length}`
}

/** Three digits. */
export function number(value: number): string {
  return Number.isFinite(value) ? String(Number(value.toPrecision(3))) : "-"
}

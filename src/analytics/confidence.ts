/**
 * Reads a confidence table: the surest row that holds, a step lower where a channel that the row
 * leaves open was observed and not met, and no higher than any ceiling.
 */
import type { Confidence } from "../record/finding.ts"

/** What the network shows, by the letters of the table. */
export type Pattern = "C" | "P" | "O" | "E" | "R" | "W"

/** What may stand beside it. */
export type Term =
  | "API"
  | "S"
  | "M"
  | "D"
  | "state"
  | "static"
  | "no-runtime-channel"
  | "app-observed"
  | "supervised-and-managed"
  | "unmanaged"
  | "rare-stack"

/** One row: all conditions that are given must hold. */
export interface Row {
  confidence: Confidence
  /** One of these patterns; none given: whatever the network shows. */
  pattern?: readonly Pattern[]
  all?: readonly Term[]
  any?: readonly Term[]
  exactlyOne?: readonly Term[]
  /** Groups of channels that the row leaves open: it loses a step when all channels of one such group
   * were observed and not met. What could not be observed never takes a step away. */
  open?: readonly (readonly Term[])[]
  note?: string
}

export interface Terms {
  pattern: Pattern | null
  met: ReadonlySet<Term>
  /** Observed and not met. */
  refuted: ReadonlySet<Term>
}

export interface Ceiling {
  at: Confidence
  why: string
}

export interface Weighed {
  confidence: Confidence
  reasons: string[]
}

const order: readonly Confidence[] = ["high", "medium", "low", "record"]

/** Null where no row of the table holds: the analytic has nothing to say. */
export function weigh(
  rows: readonly Row[],
  terms: Terms,
  ceilings: readonly Ceiling[],
): Weighed | null {
  const row = rows.find((each) => holds(each, terms))
  if (!row) return null
  const reasons = [`Confidence ${row.confidence}: ${rowWords(row)}.`]
  let confidence = row.confidence
  const refuted = (row.open ?? []).find((group) => group.every((term) => terms.refuted.has(term)))
  if (refuted && confidence !== "record") {
    confidence = stepLower(confidence)
    reasons.push(`A step lower: ${refuted.join(", ")} observed and not met.`)
  }
  for (const ceiling of ceilings) {
    if (!isSurer(confidence, ceiling.at)) continue
    confidence = ceiling.at
    reasons.push(`At most ${ceiling.at}: ${ceiling.why}.`)
  }
  return { confidence, reasons }
}

export function holds(row: Row, { pattern, met }: Terms): boolean {
  const { all = [], any, exactlyOne } = row
  if (row.pattern && (pattern === null || !row.pattern.includes(pattern))) return false
  if (!all.every((term) => met.has(term))) return false
  if (any && !any.some((term) => met.has(term))) return false
  return !exactlyOne || exactlyOne.filter((term) => met.has(term)).length === 1
}

/** A row in words, as the table of docs/analytics.md prints it. */
export function rowWords({ pattern, all, any, exactlyOne, note }: Row): string {
  const parts = [
    ...(pattern ? [oneOf(pattern)] : []),
    ...(all ?? []),
    ...(any ? [oneOf(any)] : []),
    ...(exactlyOne ? [`exactly one of ${exactlyOne.join(", ")}`] : []),
  ]
  return `${parts.join(" + ")}${note ? ` (${note})` : ""}`
}

function oneOf(names: readonly string[]): string {
  return names.length === 1 ? (names[0] ?? "") : `(${names.join(" or ")})`
}

export function stepLower(confidence: Confidence): Confidence {
  return order[order.indexOf(confidence) + 1] ?? "record"
}

export function isSurer(a: Confidence, b: Confidence): boolean {
  return order.indexOf(a) < order.indexOf(b)
}

/** Which row of which confidence table decided a finding, found again by the words that the judgement kept. */
import { type Row, rowWords } from "../../analytics/confidence.ts"
import { an1725Table, an1726Table, pinEffectTable } from "../../analytics/confidence-table.ts"
import type { Confidence, Finding } from "../../record/finding.ts"

export interface DecidedRow {
  /** From 1, as docs/analytics.md prints the table. */
  row: number
  of: number
  confidence: Confidence
  words: string
  /** Sentences that moved the confidence from the row's to the finding's: steps, ceilings, allowances. */
  moved: string[]
  /** Rows above it that would have been surer, in words: what each asked for did not hold. */
  above: string[]
}

/** Null where no table decides (operational findings), or the table has changed since. */
export function decidedRow(finding: Finding): DecidedRow | null {
  const table = tableOf(finding.analytic)
  const at = table.findIndex((row) =>
    finding.reasons.includes(`Confidence ${row.confidence}: ${rowWords(row)}.`),
  )
  const row = table[at]
  if (!row) return null
  return {
    row: at + 1,
    of: table.length,
    confidence: row.confidence,
    words: rowWords(row),
    moved: finding.reasons.filter((reason) => /^(At most|A step lower|Expected, so)/.test(reason)),
    above: table.slice(0, at).map((each) => `${each.confidence}: ${rowWords(each)}`),
  }
}

function tableOf(analytic: Finding["analytic"]): readonly Row[] {
  switch (analytic) {
    case "AN1725":
      return an1725Table
    case "AN1726":
      return an1726Table
    case "pin-effect":
      return pinEffectTable
    case "ca-missing":
    case "sensor-fault":
    case "coverage":
      return []
  }
}

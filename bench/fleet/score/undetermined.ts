/** What the sensor could not say of a case, and which observation it says was missing. */
import type { Finding } from "../../../src/record/finding.ts"
import type { Case } from "../simulate/case-book.ts"
import type { Evidence } from "./evidence.ts"

/** Adds to a part and its whole. */
export type Add = (name: string, part: number, whole: number) => void

/** The last word about each case; none where no finding was ever about it. */
export type LastWords = ReadonlyMap<Case, Finding>

export function lastOf(history: readonly { finding: Finding }[], evidence: Evidence): LastWords {
  const last = new Map<Case, Finding>()
  for (const { finding } of history)
    for (const one of evidence.about(finding)) last.set(one, finding)
  return last
}

/** Of the pins among those that were never confirmed: what the last finding says is missing. */
export function missing(unconfirmed: readonly Case[], last: LastWords, add: Add): void {
  const open = unconfirmed.filter(({ truth, foreign }) => truth === "pin" && !foreign)
  for (const one of open) {
    const finding = last.get(one)
    const reason = finding ? `${finding.verdict}: ${lackOf(finding)}` : "no finding"
    add(`missing: ${reason}`, 1, 0)
  }
  add("missing", 0, open.length)
}

/** Whatever the truth is: of the cases that refused us at least once, what the last finding says, and where that is
 * `undetermined` what it lacks. The judgement writes no finding of most keys that it leaves undetermined, so of a case
 * without one stands how it refused. Another tenant's are left out: nobody may say anything of them. */
export function undetermined(cases: readonly Case[], last: LastWords, add: Add): void {
  const refused = cases.filter((one) => one.refused > 0 && !one.foreign)
  for (const one of refused) {
    const finding = last.get(one)
    const isOpen = finding === undefined || finding.verdict === "undetermined"
    add("undetermined", isOpen ? 1 : 0, 1)
    if (isOpen) add(`undetermined: ${finding ? `lacks: ${lackOf(finding)}` : silenceOf(one)}`, 1, 0)
    else add(`last verdict: ${finding.verdict}`, 1, 0)
  }
}

/** Dials of one visit are minutes apart at most (simulate/case-book.ts: visits). */
const oneVisitMs = 5 * 60_000

function silenceOf({ refused, accepted, first_refused, last_refused }: Case): string {
  const isBrief = (last_refused ?? 0) - (first_refused ?? 0) <= oneVisitMs
  const often = refused === 1 ? "once" : isBrief ? "within five minutes" : "over a longer time"
  return `no finding, refused ${often}${accepted > 0 ? ", accepted at other times" : ""}`
}

/** What would raise it first, cut: tables have a row for each. */
function lackOf({ would_raise }: Finding): string {
  return (would_raise[0] ?? "nothing named").slice(0, 60)
}

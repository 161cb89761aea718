/** Coverage for a terminal: what needs somebody first, then what is accepted, then what is well. */
import type { Gap } from "../../analytics/coverage.ts"
import { shareText } from "../../analytics/coverage-finding.ts"
import { gapWords } from "../../analytics/coverage-words.ts"
import { durationText } from "../../record/duration.ts"

/** What no configuration closes: said each time, so that nobody takes silence for absence. */
const never = [
  "never seen: pins that an app checks only on an answer, client authentication after the handshake, mobile data without a VPN",
]

export function coverageLines(gaps: readonly Gap[], window: number): string[] {
  const open = gaps.filter((gap) => gap.open)
  const accepted = gaps.filter((gap) => gap.accepted !== null)
  const others = gaps.filter((gap) => !gap.open && gap.accepted === null)
  const [few, well] = [others.filter((gap) => gap.few), others.filter((gap) => !gap.few)]
  return [
    ...open.flatMap((gap) => [`GAP  ${line(gap)}`, ...about(gap)]),
    ...accepted.map((gap) => `acc  ${line(gap)}; ${acceptedText(gap)}`),
    ...well.map((gap) => `ok   ${line(gap)}`),
    ...few.map((gap) => `few  ${line(gap)}; too few to judge by`),
    ...never,
    `${open.length} open, ${accepted.length} accepted, ${well.length} within their thresholds, ${few.length} with too little to judge by; of the last ${durationText(window)}`,
  ]
}

function line(gap: Gap): string {
  const name = gap.part === null ? gap.gap : `${gap.gap} (${gap.part})`
  return `${name}: ${shareText(gap)} ${gapWords[gap.gap].of}`
}

function about(gap: Gap): string[] {
  const { means, advice } = gapWords[gap.gap]
  const some = gap.examples.length > 0 ? [`     such as ${gap.examples.join(", ")}`] : []
  const threshold = `threshold ${(gap.threshold * 100).toFixed(0)} %`
  return [`     ${means} (${threshold})`, ...some, `     -> ${advice}`]
}

function acceptedText({ accepted }: Gap): string {
  if (accepted === null) return ""
  const { owner, control, review_at } = accepted
  return `${owner} accepted it until ${review_at.slice(0, 10)}: ${control}`
}

/** What a replay came to, for a human. */
import type { Finding } from "../../record/finding.ts"
import { type OtherTenant, otherTenantsLine } from "../other-tenants.ts"
import type { SetKey } from "./changed-settings.ts"
import type { Change, Comparison, Example } from "./compare.ts"

/** Rows of the table; more are only for machines. */
const mostRows = 200

export interface Head {
  from: string
  to: string
  /** Attempts and flows that were read. */
  records: number
  /** Whose findings these are, and how many attempts, flows and app events of others were read and not judged. */
  tenant: string
  other_tenants: readonly OtherTenant[]
  judgements: number
  set: readonly SetKey[]
  /** Attempts that another fast window gives another outcome; null where none was asked for. */
  outcomes_changed: number | null
}

export function findingsText(head: Head, findings: readonly Finding[]): string {
  const live = findings.filter(({ state }) => state !== "closed")
  const rows = live
    .slice(-mostRows)
    .map((finding) => [
      finding.last_seen,
      finding.analytic,
      `${finding.confidence}${finding.expected ? ", expected" : ""}`,
      finding.verdict,
      finding.state,
      finding.key.device_id,
      actorOf(finding),
      finding.key.destination,
      finding.id,
    ])
  const left = live.length - rows.length
  return [
    ...headLines(head),
    `${live.length} findings stand at the end; ${findings.length - live.length} were closed on the way.`,
    ...(rows.length > 0 ? ["", ...table([columns, ...rows])] : []),
    ...(left > 0 ? [`... and ${left} earlier ones; --json gives all`] : []),
    "",
  ].join("\n")
}

const columns = [
  "last seen",
  "analytic",
  "confidence",
  "verdict",
  "state",
  "device",
  "app or stack",
  "destination",
  "id",
]

/** `sides`: what is compared with what. */
export function comparisonText(
  head: Head,
  { before, after, same, changed, counts, examples }: Comparison,
  sides: readonly [string, string],
): string {
  const groups = Map.groupBy(examples, ({ change }) => change)
  return [
    ...headLines(head),
    `${sides[0]}: ${before} findings. ${sides[1]}: ${after}. ${same} are the same.`,
    "",
    ...table([
      ["analytic", "confidence", sides[0], sides[1], "difference"],
      ...counts.map((count) => [
        count.analytic,
        count.confidence,
        String(count.before),
        String(count.after),
        signed(count.after - count.before),
      ]),
    ]),
    ...[...groups].flatMap(([change, some]) => [
      "",
      `${titles[change]}: ${changed[change]}`,
      ...some.map((example) => `  ${exampleLine(example)}`),
      ...(changed[change] > some.length ? [`  ... and ${changed[change] - some.length} more`] : []),
    ]),
    "",
  ].join("\n")
}

const titles: Record<Change, string> = {
  appeared: "Appeared",
  vanished: "Vanished",
  verdict: "Another verdict",
  confidence: "Another confidence",
  life: "Open, closed or held otherwise",
  told: "The same judgement, told otherwise (reasons, channels or evidence)",
}

function headLines(head: Head): string[] {
  const { from, to, records, judgements, set, outcomes_changed } = head
  const others = otherTenantsLine(head.other_tenants, head.tenant)
  return [
    `From ${from} to ${to}: ${records} attempts and flows, ${judgements} judgements of devices.`,
    ...set.map(({ key, was, now }) => `Set ${key}: ${shown(was)} -> ${shown(now)}`),
    ...(outcomes_changed === null
      ? []
      : [`${outcomes_changed} attempts have another outcome under this fast window.`]),
    ...(others === null ? [] : [others]),
  ]
}

function exampleLine({ before, after }: Example): string {
  const one = after ?? before
  if (!one) return ""
  const [old, now] = [before, after].map((each) => (each ? judged(each) : "nothing"))
  const change = old === now ? old : `${old} -> ${now}`
  return `${one.id}  ${one.analytic}  ${one.key.device_id}  ${actorOf(one)}  ${one.key.destination}: ${change}`
}

function judged({ verdict, confidence, state, refusals }: Finding): string {
  return `${verdict}, ${confidence}, ${state}, ${refusals} refusals`
}

function actorOf({ key }: Finding): string {
  return key.app_id ?? key.stack ?? "unknown"
}

function shown(value: unknown): string {
  return typeof value === "string" ? value : JSON.stringify(value)
}

function signed(number: number): string {
  return number > 0 ? `+${number}` : String(number)
}

function table(rows: readonly string[][]): string[] {
  const widths = (rows[0] ?? []).map((_, column) =>
    rows.reduce((most, row) => Math.max(most, row[column]?.length ?? 0), 0),
  )
  return rows.map((row) =>
    row
      .map((cell, column) => cell.padEnd(widths[column] ?? 0))
      .join("  ")
      .trimEnd(),
  )
}

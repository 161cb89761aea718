/** `pinsensor finding list`: what was found, the surest first, under the labels it stands. */
import { parseArgs } from "node:util"
import { table } from "../../lab/table.ts"
import { Confidence, Finding, type FindingLabel, LabelWord } from "../../record/finding.ts"
import { type HostPattern, matchesHost, parseHostPattern } from "../../record/host-pattern.ts"
import { readRegister, tell } from "../bypass/open-register.ts"
import { dataConfig, dataFlags } from "../data-flags.ts"
import { printable } from "../printable.ts"
import { findingsOf, labelsOf, toldOf } from "./known-findings.ts"

const options = {
  ...dataFlags,
  all: { type: "boolean" },
  json: { type: "boolean" },
  analytic: { type: "string" },
  confidence: { type: "string" },
  state: { type: "string" },
  app: { type: "string" },
  destination: { type: "string" },
  device: { type: "string" },
  label: { type: "string" },
  held: { type: "boolean" },
  limit: { type: "string" },
} as const
type Values = ReturnType<typeof parseArgs<{ options: typeof options }>>["values"]

/** Findings that are put in order, and rows that a table shows unless it is told otherwise. */
const mostSorted = 200_000
const usualLimit = "200"

/** Beside the words: `none`, and what a label has come to. */
const labelChoices = [...LabelWord.options, "none", "reopened", "lowered", "expired"] as const

interface Known {
  finding: Finding
  told: string | null
}

export function list(args: readonly string[]): void {
  const { values } = parseArgs({ args: [...args], options })
  const wanted = filterOf(values)
  const limit = limitOf(values.limit ?? (values.json ? String(mostSorted) : usualLimit))
  const config = dataConfig(values)
  const { shown, more, counts } = readRegister(values, (store) => {
    const found: Known[] = []
    for (const finding of findingsOf(store, labelsOf(store), config)) {
      if (!wanted(finding)) continue
      const known = { finding, told: toldOf(store, finding) }
      if (values.held && known.told !== "held") continue
      found.push(known)
      if (found.length > mostSorted)
        throw new Error(
          `more than ${mostSorted} findings; narrow it with --device, --app or --state`,
        )
    }
    found.sort(surestFirst)
    return { shown: found.slice(0, limit), more: found.length - limit, counts: countsOf(found) }
  })
  if (values.json) {
    for (const { finding, told } of shown) tell(JSON.stringify({ told, ...finding }))
    return
  }
  if (shown.length > 0) for (const line of table(head, shown.map(row))) tell(line)
  tell(more > 0 ? `${counts}; ${more} are not shown (--limit)` : counts)
}

const head = [
  "ID",
  "ANALYTIC",
  "CONFIDENCE",
  "SEVERITY",
  "STATE",
  "VERDICT",
  "DEVICE",
  "APP",
  "DESTINATION",
  "LAST SEEN (UTC)",
  "TOLD",
  "LABEL",
]

function row({ finding, told }: Known): string[] {
  const { id, analytic, confidence, severity, state, verdict, key, last_seen, label } = finding
  return [
    id,
    analytic,
    finding.expected ? `${confidence} (expected)` : confidence,
    severity,
    state,
    verdict,
    cut(key.device_id, 32),
    cut(key.app_id ?? `stack ${key.stack ?? "unknown"}`, 40),
    cut(key.destination, 48),
    last_seen.slice(0, 16),
    told ?? "-",
    label ? labelText(label) : "-",
  ]
}

/** `expected`, or `expected, reopened: signer`. */
export function labelText({ label, standing, signs }: FindingLabel): string {
  if (standing === "in-force") return label
  return `${label}, ${standing}${signs.length > 0 ? `: ${signs.join(" ")}` : ""}`
}

function filterOf(values: Values): (finding: Finding) => boolean {
  const analytic = oneOf("--analytic", Finding.shape.analytic.options, values.analytic)
  const confidence = oneOf("--confidence", Confidence.options, values.confidence)
  const state = oneOf("--state", Finding.shape.state.options, values.state)
  const label = oneOf("--label", labelChoices, values.label)
  const destination = patternOf(values.destination)
  const { app, device, all = false } = values
  return (finding) =>
    (analytic === null || finding.analytic === analytic) &&
    (confidence === null || finding.confidence === confidence) &&
    (state === null ? all || finding.state !== "closed" : finding.state === state) &&
    (app === undefined || finding.key.app_id === app) &&
    (device === undefined || finding.key.device_id === device) &&
    (destination === null || matchesHost(destination, finding.key.destination)) &&
    (label === null || standsUnder(finding.label, label))
}

function standsUnder(label: FindingLabel | null, choice: (typeof labelChoices)[number]): boolean {
  if (!label) return choice === "none"
  return label.standing === "in-force" ? label.label === choice : label.standing === choice
}

function patternOf(text: string | undefined): HostPattern | null {
  if (text === undefined) return null
  try {
    return parseHostPattern(text)
  } catch (error) {
    throw new Error(`--destination: ${error instanceof Error ? error.message : error}`, {
      cause: error,
    })
  }
}

const surest = Confidence.options

function surestFirst({ finding: a }: Known, { finding: b }: Known): number {
  return (
    surest.indexOf(a.confidence) - surest.indexOf(b.confidence) ||
    (a.last_seen === b.last_seen ? 0 : a.last_seen > b.last_seen ? -1 : 1) ||
    (a.id < b.id ? -1 : 1)
  )
}

/** `12 findings; 3 expected, 1 benign; 4 with an alert held back`. */
function countsOf(found: readonly Known[]): string {
  const words = found.flatMap(({ finding }) => (finding.label ? [labelText(finding.label)] : []))
  const by = Map.groupBy(words, (word) => word.split(":")[0] ?? word)
  const labels = [...by].sort().map(([word, all]) => `${all.length} ${word}`)
  const held = found.filter(({ told }) => told === "held").length
  const parts = [
    `${found.length} ${found.length === 1 ? "finding" : "findings"}`,
    ...(labels.length > 0 ? [labels.join("; ")] : []),
    ...(held > 0 ? [`${held} with an alert held back`] : []),
  ]
  return parts.join("; ")
}

function cut(given: string, length: number): string {
  const text = printable(given)
  return text.length <= length ? text : `${text.slice(0, length - 3)}...`
}

function limitOf(text: string): number {
  if (/^[1-9]\d{0,5}$/.test(text)) return Number(text)
  throw new Error(`--limit: "${text}" is no number of findings; write --limit 50`)
}

function oneOf<T extends string>(
  flag: string,
  choices: readonly T[],
  text: string | undefined,
): T | null {
  if (text === undefined) return null
  const choice = choices.find((one) => one === text)
  if (choice) return choice
  throw new Error(`${flag}: "${text}" is none of ${choices.join(", ")}`)
}

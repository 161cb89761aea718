/**
 * `pinsensor replay [--data DIR] [--config FILE] [--from T] [--to T] [--set KEY=VALUE]... [--compare]
 * [--examples N] [--step DURATION] [--json] [--write FILE]`: what stored facts come to, under the
 * settings in force or others. Nothing is sent and nothing stored.
 */
import { closeSync, openSync, writeSync } from "node:fs"
import { parseArgs } from "node:util"
import type { Config } from "../config.ts"
import { openStore } from "../evidence/open.ts"
import type { Store } from "../evidence/store.ts"
import { Duration } from "../record/duration.ts"
import type { Finding } from "../record/finding.ts"
import { dataConfig, dataFlags } from "./data-flags.ts"
import { writerTo } from "./export/export-records.ts"
import { otherTenantsLine } from "./other-tenants.ts"
import { type SetKey, withSettings } from "./replay/changed-settings.ts"
import { compare, withoutPassing } from "./replay/compare.ts"
import { progressTo } from "./replay/progress.ts"
import { type Replayed, replay as replayStore } from "./replay/replay.ts"
import { comparisonText, findingsText, type Head } from "./replay/text.ts"

const flags = {
  ...dataFlags,
  from: { type: "string" },
  to: { type: "string" },
  set: { type: "string", multiple: true },
  step: { type: "string" },
  compare: { type: "boolean" },
  examples: { type: "string" },
  json: { type: "boolean" },
  write: { type: "string" },
} as const
type Values = ReturnType<typeof parseArgs<{ options: typeof flags }>>["values"]

export async function replay(args: readonly string[]): Promise<void> {
  const { values } = parseArgs({ args: [...args], options: flags })
  const config = dataConfig(values)
  const changed = withSettings(config, values.set ?? [])
  const store = openStore(config.data, { readonly: true })
  try {
    const write = writerTo(process.stdout)
    for (const part of replayed(values, config, changed, store)) if (!(await write(part))) return
  } finally {
    store.close()
  }
}

function replayed(
  values: Values,
  config: Config,
  { config: under, changed }: { config: Config; changed: SetKey[] },
  store: Store,
): Iterable<string> {
  const examples = countOf(values.examples)
  const twice = values.compare === true && changed.length > 0
  const fromPhases = changed.some(({ key }) => key.startsWith("fast-window."))
  const told = progressTo(process.stderr, () => performance.now())
  const outcome = replayStore({
    store,
    configs: [...(twice ? [{ config, fromPhases: false }] : []), { config: under, fromPhases }],
    from: timeOf("from", values.from),
    to: timeOf("to", values.to),
    span: stepOf(values.step),
    log: (level, event, fields) =>
      void process.stderr.write(`replay: ${level} ${event} ${JSON.stringify(fields)}\n`),
    onProgress: told.on,
  })
  told.end()
  const findings = outcome.lanes.at(-1)?.findings ?? []
  if (values.write !== undefined) writeTo(values.write, findings)
  const head = headOf(outcome, changed, fromPhases)
  if (values.compare)
    return [compared(values.json === true, examples, head, outcome, twice ? null : store)]
  if (!values.json) return [findingsText(head, findings)]
  const others = otherTenantsLine(head.other_tenants, head.tenant)
  if (others !== null) process.stderr.write(`replay: ${others}\n`)
  return lines(findings)
}

/** Without other settings to compare with: with what is stored. */
function compared(
  json: boolean,
  examples: number,
  head: Head,
  outcome: Replayed,
  store: Store | null,
): string {
  const replayedAll = outcome.lanes.at(-1)?.findings ?? []
  const sides = store
    ? withoutPassing(storedFindings(store, outcome), replayedAll)
    : { stored: outcome.lanes[0]?.findings ?? [], replayed: replayedAll }
  const comparison = compare(sides.stored, sides.replayed, examples)
  if (json) return `${JSON.stringify({ ...head, ...comparison }, null, 2)}\n`
  return comparisonText(head, comparison, store ? ["stored", "replayed"] : ["as it is", "as set"])
}

function storedFindings(store: Store, { from, to }: Replayed): Finding[] {
  return [...store.all("findings")].filter(({ last_seen }) => {
    const time = Date.parse(last_seen)
    return time >= from && time < to
  })
}

function headOf(outcome: Replayed, set: readonly SetKey[], fromPhases: boolean): Head {
  const lane = outcome.lanes.at(-1)
  return {
    from: new Date(outcome.from).toISOString(),
    to: new Date(outcome.to).toISOString(),
    records: outcome.records,
    tenant: outcome.tenant,
    other_tenants: outcome.other_tenants,
    judgements: outcome.lanes.reduce((sum, { judgements }) => sum + judgements, 0),
    set,
    outcomes_changed: fromPhases ? (lane?.outcomes_changed ?? 0) : null,
  }
}

function* lines(findings: readonly Finding[]): Generator<string> {
  for (const finding of findings) yield `${JSON.stringify({ record: "finding", ...finding })}\n`
}

function writeTo(file: string, findings: readonly Finding[]): void {
  const out = openSync(file, "w", 0o600)
  try {
    for (const line of lines(findings)) writeSync(out, line)
  } finally {
    closeSync(out)
  }
}

function timeOf(flag: string, text: string | undefined): number | undefined {
  if (text === undefined) return undefined
  const time = Date.parse(text)
  if (Number.isNaN(time))
    throw new Error(`--${flag}: "${text}" is no time; write 2026-11-21T00:00:00Z`)
  return time
}

function stepOf(text: string | undefined): number | undefined {
  if (text === undefined) return undefined
  const parsed = Duration.refine((ms) => ms >= 1_000, "a step is a second or longer").safeParse(
    text,
  )
  if (parsed.success) return parsed.data
  throw new Error(`--step: ${parsed.error.issues[0]?.message ?? ""}`)
}

function countOf(text = "5"): number {
  if (/^\d{1,6}$/.test(text)) return Number(text)
  throw new Error(`--examples: "${text}" is no number of examples; write --examples 5`)
}

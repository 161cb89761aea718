/** `pinsensor bypass list`: every bypass there is, what needs somebody's attention first. */
import { parseArgs } from "node:util"
import { table } from "../../lab/table.ts"
import { hasEnded, needsAttention } from "../../policy/register/register-health.ts"
import { BypassSource, RegisterEntry } from "../../record/register-entry.ts"
import { dataFlags } from "../data-flags.ts"
import { printable } from "../printable.ts"
import { type EntryHealth, entriesByUrgency } from "./entry-health.ts"
import { servedTenant } from "./find-entry.ts"
import { readRegister, tell } from "./open-register.ts"
import { scopeText } from "./scope-flags.ts"

const options = {
  ...dataFlags,
  all: { type: "boolean" },
  json: { type: "boolean" },
  kind: { type: "string" },
  source: { type: "string" },
} as const

export function list(args: readonly string[]): void {
  const { values } = parseArgs({ args: [...args], options })
  const { all = false, json = false } = values
  const kind = oneOf("--kind", RegisterEntry.shape.kind.options, values.kind)
  const source = oneOf("--source", BypassSource.options, values.source)
  const now = Date.now()
  const { served, all: known } = readRegister(values, (store) => ({
    served: servedTenant(store),
    all: entriesByUrgency(store, now),
  }))
  const entries = known.filter(
    ({ entry }) =>
      (kind === null || entry.kind === kind) && (source === null || entry.source === source),
  )
  const shown = entries.filter(({ entry }) => all || isBypass(entry, now))
  if (json) {
    for (const { entry, flags } of shown) tell(JSON.stringify({ flags, ...entry }))
    return
  }
  if (shown.length > 0)
    for (const line of table(
      head,
      shown.map((one) => row(one, served)),
    ))
      tell(line)
  tell(summary(shown, entries.length - shown.length))
}

/** Ended ones are not, nor is a trial that waits, cools or holds. */
function isBypass(entry: RegisterEntry, now: number): boolean {
  const { trial } = entry
  const opens = trial === null || trial.state === "armed" || trial.state === "splicing"
  return opens && !hasEnded(entry, now)
}

const head = ["FLAGS", "ID", "KIND", "OWNER", "ENDS (UTC)", "HITS", "BYTES", "LAST HIT", "SCOPE"]

function row({ entry, flags }: EntryHealth, served: string | null): string[] {
  const { id, kind, source, owner, expires_at, hits, bytes, last_hit_at, tenant } = entry
  const scope = scopeText(entry)
  return [
    flags.join(" ") || "-",
    id,
    source === "register" ? kind : `${kind} (${source})`,
    cut(owner, 24),
    entry.standing === "proposed" ? "proposed" : (expires_at?.slice(0, 16) ?? "never"),
    String(hits),
    bytesText(bytes),
    last_hit_at?.slice(0, 16) ?? "-",
    cut(
      served === null || tenant === served ? scope : `(tenant ${tenant}: idle here) ${scope}`,
      72,
    ),
  ]
}

function summary(shown: readonly EntryHealth[], hidden: number): string {
  const urgent = shown.filter(({ flags }) => needsAttention(flags)).length
  const parts = [
    `${shown.length} ${shown.length === 1 ? "bypass" : "bypasses"}`,
    urgent === 0
      ? "none needs attention"
      : `${urgent} ${urgent === 1 ? "needs" : "need"} attention`,
    ...(hidden > 0 ? [`${hidden} ended or at rest (--all shows them)`] : []),
  ]
  return parts.join("; ")
}

/** `512 B`, `1.5 KiB`, `20.0 MiB`. */
export function bytesText(bytes: number): string {
  const units = ["KiB", "MiB", "GiB", "TiB"]
  if (bytes < 1024) return `${bytes} B`
  const power = Math.min(units.length, Math.floor(Math.log2(bytes) / 10))
  return `${(bytes / 1024 ** power).toFixed(1)} ${units[power - 1]}`
}

function cut(given: string, length: number): string {
  const text = printable(given)
  return text.length <= length ? text : `${text.slice(0, length - 3)}...`
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

/** `pinsensor bypass show ID`: one bypass with its use, what stands out, and all that was done with it. */
import { parseArgs } from "node:util"
import type { Store } from "../../evidence/store.ts"
import type { Drift } from "../../record/drift.ts"
import type { RegisterChange } from "../../record/register-change.ts"
import type { RegisterEntry } from "../../record/register-entry.ts"
import { dataFlags } from "../data-flags.ts"
import { flagsOf } from "./entry-health.ts"
import { bytesText } from "./list.ts"
import { oneId, readRegister, tell } from "./open-register.ts"
import { scopeText } from "./scope-flags.ts"

export function show(args: readonly string[]): void {
  const { values, positionals } = parseArgs({
    args: [...args],
    options: { ...dataFlags, json: { type: "boolean" } },
    allowPositionals: true,
  })
  const id = oneId("show", positionals)
  const seen = readRegister(values, (store) => lookUp(store, id))
  if (values.json) tell(JSON.stringify(seen))
  else for (const line of linesOf(seen)) tell(line)
}

interface Seen {
  id: string
  /** Null: it is gone, and only its history is left. */
  entry: RegisterEntry | null
  flags: string[]
  drifts: Drift[]
  history: RegisterChange[]
}

function lookUp(store: Store, id: string): Seen {
  const entry = store.get("register", id)
  const history = store.registerHistory(id)
  if (entry === null && history.length === 0)
    throw new Error(`there never was an entry ${id}; \`pinsensor bypass list --all\` shows them`)
  const flags = entry ? flagsOf(store, entry, Date.now()) : []
  return { id, entry, flags, drifts: store.driftsOf([id]), history }
}

function linesOf({ id, entry, flags, drifts, history }: Seen): string[] {
  return [
    ...(entry ? entryLines(entry, flags) : [`${id}: taken out`]),
    ...(drifts.length > 0 ? ["", "drifts:"] : []),
    ...drifts.map((drift) => `  ${drift.observed_at}  ${drift.sign}: ${drift.was} -> ${drift.now}`),
    "",
    "history:",
    ...history.flatMap(changeLines),
  ]
}

function entryLines(entry: RegisterEntry, flags: readonly string[]): string[] {
  const { kind, source, standing, owner, reason, evidence_ids, learned, trial } = entry
  const fields: [string, string | null][] = [
    [entry.id, flags.join(" ") || "nothing stands out"],
    ["kind", source === "register" ? kind : `${kind}, declared in the configuration (${source})`],
    ["standing", standing],
    ["scope", scopeText(entry)],
    ["owner", owner],
    ["reason", reason],
    ["evidence", evidence_ids.length > 0 ? evidence_ids.join(", ") : "none given"],
    ["created", entry.created_at],
    ["review", entry.review_at ?? "no date"],
    ["ends", entry.expires_at ?? "never"],
    ["use", useText(entry)],
    ["trial", trial && `${trial.state} since ${trial.since}, round ${trial.round}`],
    [
      "learned",
      learned && `on ${learned.device_ids.join(", ")}; lengthened ${learned.renewals} times`,
    ],
    [
      "re-test",
      learned?.retest ? `${learned.retest.device_id} since ${learned.retest.since}` : null,
    ],
  ]
  return fields.flatMap(([name, text]) => (text === null ? [] : [`${name.padEnd(10)}  ${text}`]))
}

function useText({ hits, bytes, last_hit_at }: NonNullable<RegisterChange["use"]>): string {
  return hits === 0 && last_hit_at === null
    ? "never used"
    : `${hits} ${hits === 1 ? "connection" : "connections"}, ${bytesText(bytes)}, last ${last_hit_at ?? "unknown"}`
}

/** What was done, and the fields it changed. */
function changeLines(change: RegisterChange): string[] {
  const { observed_at, who, what, reason, before, after, use } = change
  const names = before && after ? (Object.keys(after) as (keyof typeof after)[]) : []
  const changed = names.flatMap((name) => {
    const [was, is] = [before?.[name], after?.[name]].map((value) => JSON.stringify(value))
    return was === is ? [] : [`      ${name}: ${was} -> ${is}`]
  })
  const used = use && use.hits > 0 ? [`      by then used: ${useText(use)}`] : []
  return [
    `  ${observed_at}  ${what} by ${who}: ${reason ?? "no reason given"}`,
    ...changed,
    ...used,
  ]
}

/** `pinsensor apps list`: what is declared of which app, what needs somebody's attention first. */
import { parseArgs } from "node:util"
import { stringify } from "yaml"
import { table } from "../../lab/table.ts"
import type { App } from "../../record/app.ts"
import { dataConfig, dataFlags } from "../data-flags.ts"
import { printable, printableLines } from "../printable.ts"
import { withStore } from "../with-store.ts"
import { faultsOf } from "./check.ts"
import { shortForm } from "./entry.ts"
import { inForce } from "./import.ts"

const options = {
  ...dataFlags,
  app: { type: "string" },
  due: { type: "boolean" },
  json: { type: "boolean" },
  yaml: { type: "boolean" },
} as const

export async function listApps(args: readonly string[]): Promise<void> {
  const { values } = parseArgs({ args: [...args], options })
  const config = dataConfig(values)
  const now = Date.now()
  const libraries = config.analytics["library-user-agents"]
  const known = await withStore(config.data, (store) =>
    store === null ? [] : inForce(store, config.tenant),
  )
  const shown = known
    .filter((app) => values.app === undefined || app.app_id.includes(values.app))
    .map((app) => ({ app, flags: flagsOf(app, now, libraries) }))
    .filter(({ flags }) => !values.due || flags.length > 0)
    .sort((a, b) => b.flags.length - a.flags.length || compare(a.app.app_id, b.app.app_id))
  if (values.json)
    for (const { app, flags } of shown)
      process.stdout.write(`${JSON.stringify({ flags, ...app })}\n`)
  else if (values.yaml)
    process.stdout.write(stringify({ apps: shown.map(({ app }) => shortForm(app)) }))
  else process.stdout.write(printableLines(lines(shown, known.length)))
}

const flagNames: Readonly<Record<string, string>> = {
  owner: "UNOWNED",
  user_agents: "LIBRARY-AGENT",
  approved_destinations: "NO-DESTINATIONS",
}

function flagsOf(app: App, now: number, libraries: readonly string[]): string[] {
  const flags = faultsOf(app, now, libraries).map(({ field }) =>
    field === "review_at"
      ? app.review_at === null
        ? "NO-REVIEW"
        : "REVIEW-DUE"
      : flagNames[field],
  )
  return [...new Set(flags)].filter((flag) => flag !== undefined)
}

function lines(shown: readonly { app: App; flags: string[] }[], known: number): string[] {
  const head = [
    "FLAGS",
    "PLATFORM",
    "APP",
    "SIGNER",
    "CATEGORY",
    "ROLE",
    "TRANSPORT",
    "OWNER",
    "REVIEW",
    "DESTINATIONS",
  ]
  const rows = shown.map(({ app, flags }) => [
    flags.join(" ") || "-",
    app.platform,
    printable(app.app_id),
    app.signer_sha256?.slice(0, 12) ?? "any",
    printable(app.category ?? "-"),
    printable(app.network_role ?? "-"),
    app.declared_transport,
    printable(app.owner ?? "-"),
    app.review_at?.slice(0, 10) ?? "-",
    printable(cut(app.approved_destinations)),
  ])
  const summary =
    known === 0
      ? "no app is declared; pinsensor apps review shows which were seen"
      : `${shown.length} of ${known} declared apps`
  return [...(rows.length > 0 ? table(head, rows) : []), summary]
}

function cut(destinations: readonly string[]): string {
  const more = destinations.length - 3
  return `${destinations.slice(0, 3).join(", ")}${more > 0 ? `, and ${more} more` : ""}` || "-"
}

function compare(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0
}

/**
 * `pinsensor apps import FILE`: the whole file is checked, the difference shown, and then all of it is
 * taken over in one commit, or nothing. Importing it again changes nothing.
 */
import { parseArgs } from "node:util"
import { openStore } from "../../evidence/open.ts"
import type { Store } from "../../evidence/store.ts"
import { App } from "../../record/app.ts"
import { person } from "../bypass/person.ts"
import { dataConfig, dataFlags } from "../data-flags.ts"
import { complete, idAgain } from "../import/complete.ts"
import { printableLines } from "../printable.ts"
import { doubles, faultsOf, plainFingerprint } from "./check.ts"
import { diffOf } from "./diff.ts"
import { diffLines } from "./diff-text.ts"
import { declared, titleOf } from "./entry.ts"
import { readAppFile } from "./read-file.ts"

const options = {
  ...dataFlags,
  "dry-run": { type: "boolean" },
  replace: { type: "boolean" },
  "on-behalf-of": { type: "string" },
} as const

export async function importApps(args: readonly string[]): Promise<void> {
  const { values, positionals } = parseArgs({ args: [...args], options, allowPositionals: true })
  const [file, ...others] = positionals
  if (file === undefined || others.length > 0)
    throw new Error(
      "name one file of YAML or CSV, or - for YAML on standard input: pinsensor apps import FILE",
    )
  const config = dataConfig(values)
  const now = Date.now()
  const read = await readAppFile(file, process.stdin)
  const context = {
    defaults: { tenant: config.tenant, site: config.site, sensor_id: config["sensor-id"] },
    kind: "apps" as const,
    now,
    fileTime: now,
  }
  const by = person(values["on-behalf-of"])
  const lines: string[] = read.faults.map(({ line, text }) => `${file}:${line}: ${text}`)
  let errors = read.faults.length
  const apps: App[] = []
  const places: number[] = []
  for (const { line, fields } of read.entries) {
    const done = complete({ ...withPlainSigner(fields), record: "app" }, context)
    if ("problem" in done) {
      const { field, text } = done.problem
      lines.push(`${file}:${line}: ${field === null ? "" : `${field}: `}${text}`)
      errors += 1
      continue
    }
    const app = done.record as App
    const libraries = config.analytics["library-user-agents"]
    for (const fault of faultsOf(app, now, libraries)) {
      if (fault.level === "error") errors += 1
      lines.push(`${file}:${line}: ${fault.level}: ${titleOf(app)}: ${fault.field}: ${fault.text}`)
    }
    apps.push({ ...app, declared_by: by })
    places.push(line)
  }
  for (const index of doubles(apps)) {
    errors += 1
    const app = apps[index]
    if (app)
      lines.push(`${file}:${places[index]}: ${titleOf(app)}: stands in the file twice; keep one`)
  }
  process.stderr.write(printableLines(lines))
  if (errors > 0)
    throw new Error(
      `${file}: ${errors} ${errors === 1 ? "fault" : "faults"}; nothing was taken over`,
    )
  const store = openStore(config.data)
  try {
    const diff = store.transaction(() => {
      const found = diffOf(inForce(store, config.tenant), apps)
      if (!values["dry-run"]) {
        const withdrawn = values.replace ? found.missing : []
        write(store, [...found.added, ...found.changed.map(({ app }) => app)])
        write(
          store,
          withdrawn.map((app) => ({
            ...(app as App),
            withdrawn: true,
            declared_by: by,
            observed_at: new Date(now).toISOString(),
          })),
        )
      }
      return found
    })
    process.stdout.write(printableLines(diffLines(diff, values.replace ?? false)))
    if (values["dry-run"]) process.stdout.write("nothing was taken over (--dry-run)\n")
  } finally {
    store.close()
  }
}

/** The declarations in force of a tenant, those that were withdrawn left out. */
export function inForce(store: Store, tenant: string): App[] {
  return store
    .current("apps")
    .map((app) => App.parse(app))
    .filter((app) => app.tenant === tenant && !app.withdrawn)
}

/** A declaration that stood before under the same id, and something else since, is said anew. */
export function write(store: Store, apps: readonly App[]): void {
  store.append(
    "apps",
    apps.map((app) => ({ ...app, id: idAgain(app.id, app.observed_at) })),
  )
}

function withPlainSigner(fields: Record<string, unknown>): Record<string, unknown> {
  const unknown = Object.keys(fields).filter((field) => !declared.some((name) => name === field))
  // Left in, so that the schema names it: a misspelt field must not be passed over.
  if (unknown.length > 0) return fields
  const { signer_sha256: signer } = fields
  return typeof signer === "string"
    ? { ...fields, signer_sha256: plainFingerprint(signer) }
    : fields
}

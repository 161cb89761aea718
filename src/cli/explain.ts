/**
 * `pinsensor explain ID [--json] [--bundle FILE.tar.gz|DIR] [--data DIR] [--config FILE]`: what a finding (or each finding
 * of an incident or an alert) rests on, for a human; or the whole case as files.
 */
import { existsSync, readFileSync } from "node:fs"
import { join } from "node:path"
import { parseArgs } from "node:util"
import { listenersOf } from "../config.ts"
import { storeFile } from "../evidence/database.ts"
import { openStore } from "../evidence/open.ts"
import { joinSettings } from "../identity/settings.ts"
import { dataConfig, dataFlags } from "./data-flags.ts"
import { bundleFiles, writeBundle } from "./explain/bundle.ts"
import { explanationOf } from "./explain/explanation.ts"
import { gather } from "./explain/gather.ts"
import { named } from "./explain/named.ts"
import { explanationText } from "./explain/text.ts"
import { shownConfig } from "./shown-config.ts"

export function explain(args: readonly string[]): void {
  const { values, positionals } = parseArgs({
    args: [...args],
    options: { ...dataFlags, json: { type: "boolean" }, bundle: { type: "string" } },
    allowPositionals: true,
  })
  const [id] = positionals
  if (id === undefined || positionals.length > 1)
    throw new Error("name one finding, incident or alert by its id")
  const config = dataConfig(values)
  if (!existsSync(join(config.data, storeFile)))
    throw new Error(`there is no evidence in ${config.data}; say where it is with --data DIR`)
  const store = openStore(config.data, { readonly: true })
  try {
    const { kind, findings } = named(store, id)
    const settings = joinSettings(
      config.identity,
      listenersOf(config).map(({ listen }) => listen),
    )
    const cases = findings.map((finding) => gather(store, finding, settings))
    if (values.bundle !== undefined) {
      const nowMs = Date.now()
      const files = bundleFiles({
        cases,
        settings: shownConfig(config),
        versions: versions(),
        nowMs,
      })
      writeBundle(values.bundle, files, nowMs)
      process.stderr.write(
        `${values.bundle}: ${files.length} files of ${findings.length} ${findings.length === 1 ? "finding" : "findings"}; check them with: sha256sum -c SHA256SUMS\n`,
      )
    }
    const explained = cases.map(explanationOf)
    if (values.json) {
      const shown = kind === "finding" ? explained[0] : { [kind]: id, cases: explained }
      process.stdout.write(`${JSON.stringify(shown, null, 2)}\n`)
    } else if (values.bundle === undefined)
      process.stdout.write(`${explained.map(explanationText).join("\n\n\n")}\n`)
  } finally {
    store.close()
  }
}

function versions(): Record<string, string> {
  const file = new URL("../../package.json", import.meta.url)
  const { version } = JSON.parse(readFileSync(file, "utf8")) as { version: string }
  const { node = "", openssl = "" } = process.versions
  return { pinsensor: version, node, openssl, attack: "19.1" }
}

/** `pinsensor import FILE... [--data DIR] [--config FILE]`; `-` is standard input. */
import { parseArgs } from "node:util"
import { openStore } from "../evidence/open.ts"
import { person } from "./bypass/person.ts"
import { dataConfig, dataFlags } from "./data-flags.ts"
import { importFiles, summaryText } from "./import/import-files.ts"
import { printable } from "./printable.ts"

export async function importVerb(args: readonly string[]): Promise<void> {
  const { values, positionals } = parseArgs({
    args: [...args],
    options: dataFlags,
    allowPositionals: true,
  })
  if (positionals.length === 0)
    throw new Error("name a file of NDJSON or CSV, or - for standard input")
  const config = dataConfig(values)
  const store = openStore(config.data)
  try {
    const summary = await importFiles({
      store,
      files: positionals,
      now: Date.now(),
      defaults: { tenant: config.tenant, site: config.site, sensor_id: config["sensor-id"] },
      by: person(),
      report: (message) => process.stderr.write(`${printable(message)}\n`),
    })
    process.stderr.write(summaryText(summary))
    process.exitCode = summary.exitCode
  } finally {
    store.close()
  }
}

/** `pinsensor export RECORD-KIND... [--data DIR] [--since T] [--config FILE]`, on stdout. */
import { parseArgs } from "node:util"
import { openStore } from "../evidence/open.ts"
import { dataConfig, dataFlags } from "./data-flags.ts"
import { exportRecords, writerTo } from "./export/export-records.ts"

export async function exportVerb(args: readonly string[]): Promise<void> {
  const { values, positionals } = parseArgs({
    args: [...args],
    options: { ...dataFlags, since: { type: "string" } },
    allowPositionals: true,
  })
  const since = values.since === undefined ? {} : { sinceMs: timeOf(values.since) }
  const store = openStore(dataConfig(values).data, { readonly: true })
  try {
    await exportRecords({ store, kinds: positionals, write: writerTo(process.stdout), ...since })
  } finally {
    store.close()
  }
}

function timeOf(text: string): number {
  const time = Date.parse(text)
  if (Number.isNaN(time))
    throw new Error(`--since: "${text}" is no time; write 2026-11-21T00:00:00Z`)
  return time
}

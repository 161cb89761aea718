/** `pinsensor export RECORD-KIND... [--data DIR] [--since T] [--pseudonyms] [--config FILE]`, on
 * stdout. */
import { parseArgs } from "node:util"
import { openStore } from "../evidence/open.ts"
import { dataConfig, dataFlags } from "./data-flags.ts"
import { exportRecords, writerTo } from "./export/export-records.ts"
import { openPseudonyms } from "./open-pseudonyms.ts"

export async function exportVerb(args: readonly string[]): Promise<void> {
  const { values, positionals } = parseArgs({
    args: [...args],
    options: { ...dataFlags, since: { type: "string" }, pseudonyms: { type: "boolean" } },
    allowPositionals: true,
  })
  const since = values.since === undefined ? {} : { sinceMs: timeOf(values.since) }
  const { data } = dataConfig(values)
  const store = openStore(data, { readonly: true })
  try {
    const pseudonyms = values.pseudonyms ? openPseudonyms(data, store) : null
    await exportRecords({
      store,
      kinds: positionals,
      write: writerTo(process.stdout),
      ...since,
      ...(pseudonyms && { rewrite: (body) => pseudonyms.inRecord(body) }),
    })
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

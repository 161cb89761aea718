/** `pinsensor coverage [accept|withdraw]`: what the sensor does not see (docs/coverage.md). */
import { parseArgs } from "node:util"
import { openStore } from "../evidence/open.ts"
import { accept, withdraw } from "./coverage/accept.ts"
import { coverageNow } from "./coverage/coverage-now.ts"
import { coverageLines } from "./coverage/text.ts"
import { dataConfig, dataFlags } from "./data-flags.ts"
import { printableLines } from "./printable.ts"

export function coverage(args: readonly string[]): void {
  const [verb, ...rest] = args
  if (verb === "accept") accept(rest)
  else if (verb === "withdraw") withdraw(rest)
  else report(args)
}

/** Ends with 1 while a gap is past its threshold and nobody accepted it. */
function report(args: readonly string[]): void {
  const options = { ...dataFlags, json: { type: "boolean" } } as const
  const { values } = parseArgs({ args: [...args], options })
  const config = dataConfig(values)
  const store = openStore(config.data, { readonly: true })
  try {
    const gaps = coverageNow(store, config, Date.now())
    process.stdout.write(
      values.json
        ? `${JSON.stringify(gaps, null, 2)}\n`
        : printableLines(coverageLines(gaps, config.analytics.coverage.window)),
    )
    if (gaps.some(({ open }) => open)) process.exitCode = 1
  } finally {
    store.close()
  }
}

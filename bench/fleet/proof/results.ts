/** What came of worlds that were run, one line each, as files have it. */
import { existsSync, readFileSync } from "node:fs"
import { join } from "node:path"
import type { Ran } from "../run-world.ts"

export const resultsFile = "results.ndjson"
/** Which code it was, and which seeds. */
export const headFile = "proof.json"

export function resultLine(ran: Ran): string {
  return `${JSON.stringify(ran)}\n`
}

/** A last line that was cut off counts as none. */
export function readResults(out: string): Ran[] {
  const file = join(out, resultsFile)
  if (!existsSync(file)) return []
  const lines = readFileSync(file, "utf8").split("\n").slice(0, -1)
  return lines.map((line) => JSON.parse(line) as Ran)
}

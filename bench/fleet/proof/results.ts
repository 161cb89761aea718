/** What came of worlds that were run, one line each, as files have it. */
import { existsSync, readFileSync } from "node:fs"
import { join } from "node:path"
import type { Seeds } from "../plan.ts"
import type { Ran } from "../run-world.ts"
import type { CodeInForce } from "./code-in-force.ts"

export const resultsFile = "results.ndjson"
/** Which code it was, and which seeds. */
export const headFile = "proof.json"

export interface Head extends CodeInForce {
  seeds: Seeds
}

export function keyOf({ stratum, seed }: Pick<Ran, "stratum" | "seed">): string {
  return `${stratum} ${seed}`
}

export function resultLine(ran: Ran): string {
  return `${JSON.stringify(ran)}\n`
}

/** A last line that was cut off counts as none; of a world that was run again the later counts. */
export function readResults(out: string): Ran[] {
  const file = join(out, resultsFile)
  if (!existsSync(file)) return []
  const lines = readFileSync(file, "utf8").split("\n").slice(0, -1)
  const worlds = lines.map((line) => JSON.parse(line) as Ran)
  return [...new Map(worlds.map((ran) => [keyOf(ran), ran])).values()]
}

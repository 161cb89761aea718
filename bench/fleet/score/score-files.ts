/** Scores findings that were made elsewhere, from files: exported ones, or a closed loop's history. */
import { globSync, readFileSync } from "node:fs"
import { dirname, join } from "node:path"
import { Alert } from "../../../src/record/alert.ts"
import { Finding } from "../../../src/record/finding.ts"
import type { Case } from "../simulate/case-book.ts"
import { scoreWorld, type WorldScore } from "./score-world.ts"

/** What the files do not say of a world. */
export interface Frame {
  phones: number
  start: number
  days: number
}

/** Every world that `run --out DIR` left there. */
export function scoreFolder(dir: string): WorldScore[] {
  return globSync("*/world.json", { cwd: dir })
    .sort()
    .map((name) => {
      const at = (file: string) => join(dir, dirname(name), file)
      return scoreFiles({
        truth: at("truth.ndjson"),
        findings: at("history.ndjson"),
        alerts: at("alerts.ndjson"),
        frame: JSON.parse(readFileSync(join(dir, name), "utf8")),
      })
    })
}

export function scoreFiles(files: {
  truth: string
  findings: string
  alerts: string | null
  frame: Frame
}): WorldScore {
  return scoreWorld({
    cases: linesOf(files.truth) as unknown as Case[],
    history: linesOf(files.findings).map(heldOf),
    alerts: files.alerts
      ? linesOf(files.alerts).map(({ record: _, ...line }) => Alert.parse(line))
      : [],
    ...files.frame,
  })
}

/** A line of `pinsensor export findings` holds its last state only, at the time of its last evidence. */
function heldOf(line: Record<string, unknown>): { at: number; finding: Finding } {
  if ("finding" in line) return { at: Number(line["at"]), finding: Finding.parse(line["finding"]) }
  const { record: _, ...finding } = line
  const parsed = Finding.parse(finding)
  return { at: Date.parse(parsed.observed_at), finding: parsed }
}

function linesOf(file: string): Record<string, unknown>[] {
  return readFileSync(file, "utf8")
    .split("\n")
    .filter((line) => line !== "")
    .map((line) => JSON.parse(line))
}

/** New records through judgement, a batch at a time as sensors commit them; and how results are printed. */
import type { Correlator } from "../../src/cli/correlator/pass.ts"
import type { Feeder } from "./feeder.ts"

export type Row = Record<string, string | number>

interface Streaming {
  feeder: Feeder
  correlator: Correlator
  count: number
  /** Records that are committed before the correlator looks: at 20,000 a second 2,000 in a tenth of a second. */
  batch: number
}

export async function stream({ feeder, correlator, count, batch }: Streaming): Promise<Row> {
  // The first few are not counted: code is compiled, and what was kept of the start is let go.
  let spent = 0
  let longest = 0
  const warm = Math.ceil(8_000 / batch) * batch
  for (let at = 0; at < warm + count; at += batch) {
    await feeder.give({ from: at, count: batch })
    const began = cpuMs()
    while (correlator.pass());
    const took = cpuMs() - began
    if (at < warm) continue
    spent += took
    longest = Math.max(longest, took)
  }
  return {
    "us a record": ((1_000 * spent) / count).toFixed(1),
    "records a second of CPU": Math.round((1_000 * count) / spent),
    "longest batch, ms": Math.round(longest),
  }
}

/** CPU of this process so far, in milliseconds. */
export function cpuMs(): number {
  const { user, system } = process.cpuUsage()
  return (user + system) / 1_000
}

export function table(rows: readonly Row[]): string {
  const names = Object.keys(rows[0] ?? {})
  const line = (cells: readonly (string | number)[]) => `| ${cells.join(" | ")} |`
  return [
    line(names),
    line(names.map(() => "---")),
    ...rows.map((row) => line(names.map((name) => row[name] ?? ""))),
  ].join("\n")
}

/**
 * `pinsensor import FILE...`: records from lines of JSON (`-` is standard input) or CSV, gzipped or
 * not, with their own times. Good lines are kept whatever stands beside them; importing a file
 * twice doubles nothing.
 */
import { statSync } from "node:fs"
import type { Readable } from "node:stream"
import type { Store } from "../../evidence/store.ts"
import type { Kind } from "../../record/kinds.ts"
import type { Problem } from "../../record/problem.ts"
import { type OtherTenant, OtherTenants, otherTenantsLine } from "../other-tenants.ts"
import { type Completed, complete, type ImportContext } from "./complete.ts"
import { problemLine } from "./problem.ts"
import { kindByName, readLines } from "./read.ts"
import { type Written, writeRecord } from "./write.ts"

export interface ImportOptions {
  store: Store
  files: readonly string[]
  /** Epoch milliseconds. */
  now: number
  defaults: ImportContext["defaults"]
  /** Who imports, for the audit of the register: `anna@host`. */
  by: string
  /** Takes one message for each bad line, each conflict, each bypass or attempt that was not taken as it
   * stood and each file that cannot be read. */
  report: (message: string) => void
  /** What `-` reads. */
  stdin?: Readable
}

export type KindCount = Record<Written, number>

export interface ImportSummary {
  /** By kind; `unknown` for lines whose kind could not be told. */
  counts: Map<Kind | "unknown", KindCount>
  /** Whom the configuration serves, and what is stored now of others. */
  tenant: string
  other_tenants: OtherTenant[]
  /** 1 if any line was bad or a file could not be read. */
  exitCode: 0 | 1
}

/** Records written in one transaction. */
const batch = 500

export async function importFiles(options: ImportOptions): Promise<ImportSummary> {
  const counts: ImportSummary["counts"] = new Map()
  const { tenant } = options.defaults
  const others = new OtherTenants(tenant)
  for (const file of options.files) await importFile(file, options, counts, others)
  const bad = [...counts.values()].some((count) => count.bad > 0)
  return { counts, tenant, other_tenants: others.counts, exitCode: bad ? 1 : 0 }
}

/** One line for each kind: `devices: 12 added, 3 known, 1 bad`; and one of other tenants' records. */
export function summaryText({ counts, tenant, other_tenants }: ImportSummary): string {
  const lines = [...counts].map(([kind, count]) => {
    const parts = Object.entries(count).filter(([, number]) => number > 0)
    return `${kind}: ${parts.map(([what, number]) => `${number} ${what}`).join(", ")}\n`
  })
  const others = otherTenantsLine(other_tenants, tenant)
  if (others !== null) lines.push(`${others}\n`)
  return lines.length > 0 ? lines.join("") : "nothing to import\n"
}

async function importFile(
  file: string,
  options: ImportOptions,
  counts: ImportSummary["counts"],
  others: OtherTenants,
): Promise<void> {
  const { store, now, defaults, by, report } = options
  const importer = { store, tenant: defaults.tenant, who: `import (${by})`, now }
  const tell = (line: number, problem: Problem) => report(problemLine(file, line, problem))
  const pending: { line: number; completed: Completed }[] = []
  const write = () =>
    store.transaction(() => {
      for (const { line, completed } of pending.splice(0)) {
        const done = writeRecord(importer, completed)
        countOf(counts, completed.kind)[done.what] += 1
        if (done.what !== "bad" && done.what !== "conflicts") others.note(completed.record)
        const problem = done.tell ?? completed.tell
        if (problem) tell(line, problem)
      }
    })
  try {
    const fileTime = file === "-" ? now : Math.floor(statSync(file).mtimeMs)
    for await (const read of readLines(file, options.stdin ?? process.stdin)) {
      const { line, kind } = read
      const done = read.problem
        ? { kind, problem: read.problem }
        : complete(read.raw, { defaults, now, fileTime, kind })
      if ("problem" in done) {
        countOf(counts, done.kind).bad += 1
        tell(line, done.problem)
      } else pending.push({ line, completed: done })
      if (pending.length >= batch) write()
    }
  } catch (error) {
    if (!isReadError(error)) throw error
    countOf(counts, kindByName(file)).bad += 1
    report(`${file}: cannot be read further (${error.message}); what came before is kept`)
  }
  write()
}

/** Trouble with a file (no such file, no gzip, no CSV) only ends that file; the store's ends all. */
function isReadError(error: unknown): error is Error {
  return error instanceof Error && "code" in error && error.name !== "SqliteError"
}

function countOf(counts: ImportSummary["counts"], kind: Kind | null): KindCount {
  const count = counts.get(kind ?? "unknown") ?? {
    added: 0,
    known: 0,
    updated: 0,
    conflicts: 0,
    bad: 0,
  }
  counts.set(kind ?? "unknown", count)
  return count
}

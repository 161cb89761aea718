/** The lines of an imported file, whatever its form: each its object, or what is wrong with it. */
import { createReadStream } from "node:fs"
import { basename } from "node:path"
import { pipeline, type Readable } from "node:stream"
import { createGunzip } from "node:zlib"
import { type CsvError, parse } from "csv-parse"
import { type Kind, kindNames, kindOfRecord, kinds } from "../../record/kinds.ts"
import type { Problem } from "../../record/problem.ts"
import { flatKinds, objectOf, unknownColumns } from "./csv.ts"
import { linesOf, longestLine } from "./lines.ts"

export interface ReadLine {
  line: number
  /** The line's kind, where the file's name or a column tells. */
  kind: Kind | null
  /** Read as far as it could be: still to be judged by the schema. */
  raw: unknown
  problem: Problem | null
}

/** `-` reads the given standard input. The name tells the form: `.csv`, else lines of JSON; and the kind,
 * unless it is said. */
export async function* readLines(
  file: string,
  stdin: Readable,
  kind = kindByName(file),
): AsyncGenerator<ReadLine> {
  const bytes = bytesOf(file, stdin)
  if (/\.csv(\.gz)?$/i.test(file)) yield* readCsv(bytes, kind)
  else yield* readJson(bytes, kind)
}

/** `devices.csv`, `devices-2026-11.ndjson.gz` and `device.csv` are devices. */
export function kindByName(file: string): Kind | null {
  const name = basename(file).toLowerCase()
  const is = (word: string) => name.startsWith(word) && !/^[a-z]/.test(name.slice(word.length))
  // The longest first: `app-events.csv` begins with `app` too.
  const longestFirst = kindNames.toSorted((a, b) => b.length - a.length)
  return longestFirst.find((kind) => is(kind) || is(kinds[kind].record)) ?? null
}

async function* readJson(bytes: Readable, kind: Kind | null): AsyncGenerator<ReadLine> {
  for await (const { number, text } of linesOf(bytes)) {
    if (typeof text !== "string") yield bad(number, kind, text.bad)
    else if (text !== "") yield { line: number, kind, ...parsedJson(text) }
  }
}

function parsedJson(text: string): { raw: unknown; problem: Problem | null } {
  try {
    return { raw: JSON.parse(text), problem: null }
  } catch (error) {
    const because = error instanceof Error ? error.message : String(error)
    return { raw: null, problem: { field: null, text: `no JSON (${because}); one object a line` } }
  }
}

async function* readCsv(bytes: Readable, byName: Kind | null): AsyncGenerator<ReadLine> {
  const skipped: ReadLine[] = []
  const parser = parse({
    bom: true,
    info: true,
    relax_column_count: true,
    skip_empty_lines: true,
    max_record_size: longestLine,
    skip_records_with_error: true,
    on_skip: (error: CsvError | undefined) => {
      if (!error) return undefined
      const { lines, message } = error
      skipped.push(bad(Number(lines), byName, `no CSV (${message}); correct it`))
      return undefined
    },
  })
  let header: string[] | null = null
  for await (const { record: cells, info } of pipeline(bytes, parser, () => {})) {
    yield* skipped.splice(0)
    if (header) yield csvLine(info.lines, byName, header, cells)
    else {
      header = (cells as string[]).map((cell) => cell.trim())
      const problem = headerProblem(byName, header)
      if (problem) {
        yield { line: info.lines, kind: byName, raw: null, problem }
        return
      }
    }
  }
  yield* skipped
}

/** A wrong header would make every line wrong: said once, and the file is left. */
function headerProblem(byName: Kind | null, header: readonly string[]): Problem | null {
  if (header.includes("record")) return null
  const names = flatKinds.join(", ")
  if (byName === null) {
    const text = `name the file after its kind or add a column "record" (CSV holds ${names})`
    return { field: null, text }
  }
  if (!flatKinds.includes(byName)) {
    return { field: null, text: `${byName} have no CSV form (${names} have); use lines of JSON` }
  }
  return unknownColumns(byName, header)[0] ?? null
}

function csvLine(
  line: number,
  byName: Kind | null,
  header: readonly string[],
  cells: readonly string[],
): ReadLine {
  if (cells.some((cell) => cell.includes("\ufffd"))) {
    return bad(line, byName, "is not UTF-8; convert the file")
  }
  const said = cells[header.indexOf("record")]?.trim() || null
  const kind = said === null ? byName : (kindOfRecord(said) ?? null)
  if (kind === null || !flatKinds.includes(kind)) {
    const records = flatKinds.map((one) => kinds[one].record).join(", ")
    const text = `${said ?? "empty"}: must be one of ${records} in CSV; correct it`
    return { line, kind, raw: null, problem: { field: "record", text } }
  }
  const object = objectOf(kind, header, cells)
  return "problem" in object
    ? { line, kind, raw: null, problem: object.problem }
    : { line, kind, raw: object.fields, problem: null }
}

function bytesOf(file: string, stdin: Readable): Readable {
  if (file === "-") return stdin
  const bytes = createReadStream(file)
  // The error of either stream ends the reading of the last one, which is where it is caught.
  return file.endsWith(".gz") ? pipeline(bytes, createGunzip(), () => {}) : bytes
}

function bad(line: number, kind: Kind | null, text: string): ReadLine {
  return { line, kind, raw: null, problem: { field: null, text } }
}

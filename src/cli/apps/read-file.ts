/** The app register as a person keeps it: YAML (`apps:` with a list) or CSV with the same names. */
import { readFileSync } from "node:fs"
import type { Readable } from "node:stream"
import { isMap, isSeq, LineCounter, parseDocument, type YAMLMap } from "yaml"
import { readLines } from "../import/read.ts"

/** A file beyond is not meant: 50,000 apps take less. */
const mostBytes = 64 * 1024 * 1024

export interface ReadEntry {
  line: number
  fields: Record<string, unknown>
}

export interface ReadFault {
  line: number
  text: string
}

export interface ReadFile {
  entries: ReadEntry[]
  faults: ReadFault[]
}

export async function readAppFile(file: string, stdin: Readable): Promise<ReadFile> {
  if (/\.csv(\.gz)?$/i.test(file)) return readCsv(file, stdin)
  const text = file === "-" ? await textOf(stdin) : readFileSync(file, "utf8")
  if (text.length > mostBytes) throw new Error(`${file} is larger than ${mostBytes} bytes`)
  return readYaml(text)
}

async function readCsv(file: string, stdin: Readable): Promise<ReadFile> {
  const read: ReadFile = { entries: [], faults: [] }
  for await (const { line, raw, problem } of readLines(file, stdin, "apps")) {
    if (problem) {
      const field = problem.field === null ? "" : `${problem.field}: `
      read.faults.push({ line, text: `${field}${problem.text}` })
    } else read.entries.push({ line, fields: raw as Record<string, unknown> })
  }
  return read
}

function readYaml(text: string): ReadFile {
  const lines = new LineCounter()
  const document = parseDocument(text, { lineCounter: lines })
  const read: ReadFile = { entries: [], faults: [] }
  for (const { pos, message } of document.errors)
    read.faults.push({ line: lines.linePos(pos[0]).line, text: message.split("\n")[0] ?? message })
  if (read.faults.length > 0) return read
  const list = isMap(document.contents) ? document.contents.get("apps", true) : document.contents
  const others = isMap(document.contents)
    ? document.contents.items.map(({ key }) => String(key)).filter((key) => key !== "apps")
    : []
  if (others.length > 0)
    read.faults.push({
      line: 1,
      text: `${others.join(", ")}: no key here; the file holds apps: and a list`,
    })
  if (!isSeq(list)) {
    read.faults.push({
      line: 1,
      text: "the file must hold apps: and a list below it (docs/apps.md)",
    })
    return read
  }
  for (const item of list.items) {
    const start = (item as YAMLMap).range?.[0] ?? 0
    const { line } = lines.linePos(start)
    if (isMap(item)) read.entries.push({ line, fields: item.toJSON() })
    else read.faults.push({ line, text: "must be keys and values, as docs/apps.md shows" })
  }
  return read
}

async function textOf(stdin: Readable): Promise<string> {
  const parts: Buffer[] = []
  let size = 0
  for await (const part of stdin) {
    parts.push(part)
    size += part.length
    if (size > mostBytes) throw new Error(`standard input is larger than ${mostBytes} bytes`)
  }
  return Buffer.concat(parts).toString("utf8")
}

/**
 * Reads a mapping file. Out: the mapping and the sum by which a review stays tied to its content;
 * or an error that names line, field and what to do.
 */
import { createHash } from "node:crypto"
import { readFileSync } from "node:fs"
import { isScalar, LineCounter, parseDocument, visit } from "yaml"
import { Mapping } from "./mapping.ts"

/** Ours have 5 KiB. */
const longest = 64 * 1024
/** Named at once; who mends them finds the next. */
const mostFaults = 20

export interface MappingFile {
  mapping: Mapping
  /** SHA-256 of the file's bytes, in hex. */
  sha256: string
}

/** `key` is the setting that names the file. */
export function readMappingFile(key: string, file: string): MappingFile {
  const bytes = bytesOf(key, file)
  if (bytes.length > longest) throw new Error(`${key}: ${file} is longer than ${longest} bytes`)
  const mapping = parseMapping(bytes.toString("utf8"), `${key}: ${file}`)
  return { mapping, sha256: createHash("sha256").update(bytes).digest("hex") }
}

/** `where` begins the error. */
export function parseMapping(text: string, where: string): Mapping {
  const lines = new LineCounter()
  const document = parseDocument(text, {
    lineCounter: lines,
    version: "1.2",
    stringKeys: true,
    // Looked for below: the parser compares each key with each, minutes for a long map.
    uniqueKeys: false,
  })
  const [broken = firstDoubled(document)] = document.errors
  if (broken) {
    const { line, col } = lines.linePos(broken.pos[0])
    const [what = "is not YAML"] = broken.message.split("\n")
    throw new Error(`${where}: line ${line}, column ${col}: ${what}`)
  }
  const read = Mapping.safeParse(plain(document, where))
  if (read.success) return read.data
  const faults = read.error.issues.slice(0, mostFaults).map(({ path, message }) => {
    const line = lineOf(path)
    return `  ${line === null ? "" : `line ${line}, `}${path.join(".") || "the file"}: ${message}`
  })
  const more = read.error.issues.length - faults.length
  if (more > 0) faults.push(`  and ${more} more`)
  throw new Error(
    `${where}: is no mapping (docs/mdm.md says how one is written)\n${faults.join("\n")}`,
  )

  /** The line of the field, or of what it is missing from. */
  function lineOf(path: readonly PropertyKey[]): number | null {
    for (let length = path.length; length >= 0; length--) {
      const node = document.getIn(path.slice(0, length), true)
      const range = typeof node === "object" && node !== null && "range" in node ? node.range : null
      if (Array.isArray(range)) return lines.linePos(Number(range[0])).line
    }
    return null
  }
}

/** A key that its map has twice: a reader sees one of them, and the other counts. */
function firstDoubled(document: ReturnType<typeof parseDocument>) {
  let doubled: { pos: readonly [number]; message: string } | undefined
  visit(document, {
    Map: (_, { items }) => {
      const known = new Set<unknown>()
      for (const { key } of items) {
        if (!isScalar(key)) continue
        if (known.has(key.value)) {
          doubled = { pos: [key.range?.[0] ?? 0], message: "Map keys must be unique; remove one" }
          return visit.BREAK
        }
        known.add(key.value)
      }
      return undefined
    },
  })
  return doubled
}

/** Aliases are refused: a reviewer reads what stands there, and a few lines cannot become millions. */
function plain(document: ReturnType<typeof parseDocument>, where: string): unknown {
  try {
    return document.toJS({ maxAliasCount: 0 })
  } catch (cause) {
    throw new Error(`${where}: has aliases (*name); write out what they stand for`, { cause })
  }
}

function bytesOf(key: string, file: string): Buffer {
  try {
    return readFileSync(file)
  } catch (cause) {
    const code = (cause as NodeJS.ErrnoException).code ?? "unknown"
    throw new Error(
      `${key}: ${file} cannot be read (${code}); give a file that exists and that this user may read`,
      { cause },
    )
  }
}

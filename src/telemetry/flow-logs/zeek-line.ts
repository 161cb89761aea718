/**
 * Lines of Zeek's logs as rows of texts, JSON or tab-separated alike. In: the header of a file, then lines.
 * Out: what each field says, or what is wrong with the line.
 *
 * Tab-separated logs say in their header how they are to be read (#separator, #unset_field, #empty_field,
 * #fields, #path), and put what is not printable as \xHH.
 */

/** A field that is not set is not in it. */
export type ZeekRow = ReadonlyMap<string, string>

export type ZeekLine = ZeekRow | { fault: string } | null

/** More names are no header of Zeek's. */
const mostFields = 400

/** Owned state: the header of the file that is being read. */
export class ZeekLines {
  #separator = "\t"
  #unset = "-"
  #empty = "(empty)"
  #fields: string[] | null = null

  /** The first lines of the file: those that begin with `#`, up to the first that does not. */
  constructor(head: string) {
    for (const line of head.split("\n")) {
      if (!line.startsWith("#")) break
      this.#header(line)
    }
  }

  /** Null for a line of the header. */
  read(line: string): ZeekLine {
    if (line.startsWith("{")) return ofJson(line)
    if (line.startsWith("#")) {
      this.#header(line)
      return null
    }
    const fields = this.#fields
    if (fields === null) return { fault: "there is no #fields line before it" }
    const values = line.split(this.#separator)
    if (values.length !== fields.length)
      return { fault: `has ${values.length} fields, and #fields ${fields.length}` }
    const row = new Map<string, string>()
    for (const [index, value] of values.entries())
      if (value !== this.#unset)
        row.set(fields[index] as string, value === this.#empty ? "" : unescaped(value))
    return row
  }

  #header(line: string): void {
    if (line.startsWith("#separator ")) {
      const separator = unescaped(line.slice("#separator ".length))
      if (separator.length > 0 && separator.length <= 8) this.#separator = separator
      return
    }
    const [name, ...values] = line.split(this.#separator)
    if (name === "#unset_field") this.#unset = values[0] ?? "-"
    if (name === "#empty_field") this.#empty = values[0] ?? "(empty)"
    if (name === "#fields" && values.length <= mostFields) this.#fields = values
  }
}

function ofJson(line: string): ZeekLine {
  let read: unknown
  try {
    read = JSON.parse(line)
  } catch {
    return { fault: "is no JSON" }
  }
  const row = new Map<string, string>()
  for (const [name, value] of Object.entries(read as object)) {
    if (typeof value === "string") row.set(name, value)
    else if (typeof value === "number") row.set(name, String(value))
    else if (typeof value === "boolean") row.set(name, value ? "T" : "F")
    else if (Array.isArray(value) && value.length > 0) row.set(name, value.join(","))
  }
  return row
}

function unescaped(text: string): string {
  if (!text.includes("\\x")) return text
  return text.replace(/\\x([0-9a-f]{2})/gi, (_, hex: string) =>
    String.fromCharCode(Number.parseInt(hex, 16)),
  )
}

/**
 * A line of CSV as the object it stands for: dotted columns are nested fields, `;` separates the
 * members of a list, an empty cell is not known. The schema of the kind says which type a cell has.
 */
import { type Shape, shapeOf } from "../../evidence/schema-shape.ts"
import { type Kind, kinds } from "../../record/kinds.ts"
import type { Problem } from "../../record/problem.ts"

export const flatKinds: readonly Kind[] = ["devices", "bindings", "apps", "postures", "app-events"]

/** Columns that the kind does not have. */
export function unknownColumns(kind: Kind, header: readonly string[]): Problem[] {
  return header
    .filter((column) => column !== "record" && !cellShape(kind, column))
    .map((column) => unknownColumn(kind, column))
}

export function objectOf(
  kind: Kind,
  header: readonly string[],
  cells: readonly string[],
): { fields: Record<string, unknown> } | { problem: Problem } {
  if (cells.length > header.length) {
    const text = `has ${cells.length} cells, the header ${header.length}; quote cells with commas`
    return { problem: { field: null, text } }
  }
  const fields: Record<string, unknown> = {}
  for (const [at, column] of header.entries()) {
    const cell = cells[at]?.trim() ?? ""
    if (cell === "" || column === "record") continue
    const shape = cellShape(kind, column)
    if (!shape) return { problem: unknownColumn(kind, column) }
    put(fields, column.split("."), typedCell(cell, shape))
  }
  return { fields }
}

/** A cell that is not of its type is handed on as text: the schema then says what is wrong. */
function typedCell(cell: string, shape: Shape): unknown {
  switch (shape.type) {
    case "number":
    case "literal":
      return /^-?\d+(\.\d+)?$/.test(cell) ? Number(cell) : cell
    case "boolean":
      return booleans.get(cell.toLowerCase()) ?? cell
    case "array":
      return membersOf(cell).map((member) => (shape.element?.fields ? appOf(member) : member))
    default:
      return cell
  }
}

const booleans = new Map([
  ["true", true],
  ["yes", true],
  ["1", true],
  ["false", false],
  ["no", false],
  ["0", false],
])

/** `none` is the empty list: known to be empty, where an empty cell is not known. */
function membersOf(cell: string): string[] {
  if (cell === "none") return []
  return cell
    .split(";")
    .map((member) => member.trim())
    .filter((member) => member !== "")
}

/** `com.example.app@4.2`; no app id has an `@`. */
function appOf(member: string): { app_id: string; version?: string } {
  const at = member.indexOf("@")
  return at === -1
    ? { app_id: member }
    : { app_id: member.slice(0, at), version: member.slice(at + 1) }
}

/** The shape of a column that a cell can fill: a value or a list, not an object. */
function cellShape(kind: Kind, column: string): Shape | null {
  let shape: Shape | undefined = shapes.get(kind)
  for (const name of column.split(".")) shape = shape?.fields?.get(name)
  return shape && !shape.fields ? shape : null
}

const shapes = new Map(flatKinds.map((kind) => [kind, shapeOf(kinds[kind].schema)]))

function put(object: Record<string, unknown>, path: readonly string[], value: unknown): void {
  const [name = "", ...rest] = path
  if (rest.length === 0) object[name] = value
  else {
    object[name] ??= {}
    put(object[name] as Record<string, unknown>, rest, value)
  }
}

function unknownColumn(kind: Kind, column: string): Problem {
  const names = columnsOf(shapes.get(kind), "").join(", ")
  return { field: column, text: `no column of ${kind}; rename or remove it (columns: ${names})` }
}

function columnsOf(shape: Shape | undefined, prefix: string): string[] {
  return [...(shape?.fields ?? [])].flatMap(([name, field]) =>
    field.fields ? columnsOf(field, `${prefix}${name}.`) : [`${prefix}${name}`],
  )
}

/** How declarations of apps differ from those in force. Pure. */
import { isDeepStrictEqual } from "node:util"
import { type Declaration, type DeclaredField, declared, keyOf } from "./entry.ts"

export interface FieldChange {
  field: DeclaredField
  before: unknown
  after: unknown
}

export interface AppsDiff<Wanted extends Declaration = Declaration> {
  added: Wanted[]
  changed: { app: Wanted; fields: FieldChange[] }[]
  same: number
  /** In force, and not in the file. */
  missing: Declaration[]
}

export function diffOf<Wanted extends Declaration>(
  inForce: readonly Declaration[],
  wanted: readonly Wanted[],
): AppsDiff<Wanted> {
  const standing = new Map(inForce.map((app) => [keyOf(app), app]))
  const diff: AppsDiff<Wanted> = { added: [], changed: [], same: 0, missing: [] }
  for (const app of wanted) {
    const before = standing.get(keyOf(app))
    standing.delete(keyOf(app))
    if (!before) {
      diff.added.push(app)
      continue
    }
    const fields = changes(before, app)
    if (fields.length > 0) diff.changed.push({ app, fields })
    else diff.same += 1
  }
  diff.missing.push(...standing.values())
  return diff
}

/** The order of a list means nothing. */
function changes(before: Declaration, after: Declaration): FieldChange[] {
  return declared.flatMap((field) => {
    const [was, is] = [comparable(before[field]), comparable(after[field])]
    return isDeepStrictEqual(was, is) ? [] : [{ field, before: was, after: is }]
  })
}

function comparable(value: unknown): unknown {
  return Array.isArray(value) ? value.toSorted() : value
}

/**
 * The form of a record, read off its zod schema: which fields in which order, and of which type.
 * Wrappers that say nothing of form (nullable, default, a transform behind a string) are looked
 * through. Used to write keys in one order, and to give the text of a CSV cell its type.
 */

export interface Shape {
  /** zod's name of the type: object, array, string, number, boolean, enum, literal. */
  type: string
  /** For objects: the fields in the order of the schema. */
  fields: ReadonlyMap<string, Shape> | null
  /** For arrays: what they hold. */
  element: Shape | null
}

/** The part of a zod 4 schema that is read here. */
interface Schema {
  def: { type: string }
}
interface Def {
  type: string
  innerType?: Schema
  in?: Schema
  element?: Schema
  shape?: Record<string, Schema>
}

export function shapeOf(schema: Schema): Shape {
  const def: Def = schema.def
  const inside = def.innerType ?? def.in
  if (inside) return shapeOf(inside)
  const fields = def.shape
    ? new Map(Object.entries(def.shape).map(([name, field]) => [name, shapeOf(field)]))
    : null
  return { type: def.type, fields, element: def.element ? shapeOf(def.element) : null }
}

/**
 * One record has one text: JSON with the keys in the order of the schema, whatever order the
 * record was built in. So what is exported, imported and exported again is the same bytes.
 */
import { type Kind, kindNames, kinds, type RecordOf } from "../record/kinds.ts"
import { type Shape, shapeOf } from "./schema-shape.ts"

interface Order {
  keys: readonly string[]
  /** Position in `keys` and order of the fields that hold objects, or arrays of objects. */
  inside: readonly { key: string; order: Order; many: boolean }[]
}

const orders = new Map(kindNames.map((kind) => [kind, orderOf(shapeOf(kinds[kind].schema))]))

/** The canonical JSON of a record. Copies nothing where the keys are in order already. */
export function canonicalJson<K extends Kind>(kind: K, record: RecordOf[K]): string {
  const order = orderFor(kind)
  return JSON.stringify(isOrdered(record, order) ? record : ordered(record, order))
}

/** Whether the keys are in order already, so that storing the record costs no copy. */
export function isCanonical<K extends Kind>(kind: K, record: RecordOf[K]): boolean {
  return isOrdered(record, orderFor(kind))
}

function orderFor(kind: Kind): Order {
  const order = orders.get(kind)
  if (!order) throw new Error(`evidence: there is no kind "${kind}"`)
  return order
}

function orderOf(shape: Shape): Order {
  const fields = [...(shape.fields ?? [])]
  return {
    keys: fields.map(([key]) => key),
    inside: fields.flatMap(([key, field]) => {
      const object = field.fields ? field : field.element?.fields ? field.element : null
      return object ? [{ key, order: orderOf(object), many: field.fields === null }] : []
    }),
  }
}

function isOrdered(value: object, order: Order): boolean {
  let at = 0
  for (const key in value) if (key !== order.keys[at++]) return false
  if (at !== order.keys.length) return false
  for (const { key, order: inner, many } of order.inside) {
    const field = (value as Record<string, unknown>)[key]
    if (many && Array.isArray(field)) {
      if (!field.every((one) => isOrdered(one, inner))) return false
    } else if (isObject(field) && !isOrdered(field, inner)) return false
  }
  return true
}

/** A copy with its keys in order; keys that the schema does not know come last. */
function ordered(value: object, order: Order): object {
  const from = value as Record<string, unknown>
  const names = [...order.keys.filter((key) => key in from)]
  names.push(...Object.keys(from).filter((key) => !order.keys.includes(key)))
  const inner = new Map(order.inside.map((one) => [one.key, one.order]))
  return Object.fromEntries(
    names.map((name) => {
      const field = from[name]
      const sub = inner.get(name)
      if (!sub) return [name, field]
      if (Array.isArray(field)) return [name, field.map((one) => ordered(one, sub))]
      return [name, isObject(field) ? ordered(field, sub) : field]
    }),
  )
}

function isObject(value: unknown): value is object {
  return typeof value === "object" && value !== null
}

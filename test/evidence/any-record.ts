/**
 * Any record of a kind, made from its schema: every null, every enum value, text of any script.
 * So a field that is added to a schema is in the tests at once.
 */
import fc from "fast-check"
import { type Kind, kinds, type RecordOf } from "../../src/record/kinds.ts"

interface Check {
  check: string
  value?: number
  minimum?: number
  maximum?: number
  format?: string
}
interface Schema {
  def: {
    type: string
    innerType?: Schema
    in?: Schema
    element?: Schema
    shape?: Record<string, Schema>
    entries?: Record<string, string>
    values?: unknown[]
    format?: string
    pattern?: RegExp
    checks?: { _zod: { def: Check } }[]
  }
}

export function anyRecord<K extends Kind>(kind: K): fc.Arbitrary<RecordOf[K]> {
  return anyOf(kinds[kind].schema as unknown as Schema) as fc.Arbitrary<RecordOf[K]>
}

function anyOf({ def }: Schema): fc.Arbitrary<unknown> {
  const checks = (def.checks ?? []).map((one) => one._zod.def)
  const least = checks.find((one) => one.check === "greater_than")?.value
  const most = checks.find((one) => one.check === "less_than")?.value
  const longest = checks.find((one) => one.check === "max_length")?.maximum
  switch (def.type) {
    case "object":
      return fc.record(
        Object.fromEntries(Object.entries(def.shape ?? {}).map(([k, field]) => [k, anyOf(field)])),
      )
    case "nullable":
      return fc.option(anyOf(inner(def.innerType)), { nil: null, freq: 3 })
    case "default":
    case "prefault":
      return anyOf(inner(def.innerType))
    case "pipe":
      return anyOf(inner(def.in))
    case "array":
      return fc.array(anyOf(inner(def.element)), { maxLength: 3 })
    case "enum":
      return fc.constantFrom(...Object.values(def.entries ?? {}))
    case "literal":
      return fc.constantFrom(...(def.values ?? []))
    case "boolean":
      return fc.boolean()
    case "number": {
      const bounds = { min: least ?? -(2 ** 40), max: most ?? 2 ** 40 }
      const whole = def.format === "safeint" || checks.some((one) => one.format === "safeint")
      return whole ? fc.integer(inside32(bounds)) : fc.double({ ...bounds, noNaN: true })
    }
    case "string":
      if (def.format === "datetime") return anyTime
      if (checks.some((one) => one.check === "string_format")) return anyId
      return fc.string({ unit: "binary", minLength: 1, maxLength: Math.min(longest ?? 12, 12) })
    default:
      throw new Error(`any-record: no values for the zod type ${def.type}`)
  }
}

const anyTime = fc
  .date({ min: new Date(0), max: new Date("2100-01-01T00:00:00Z"), noInvalidDate: true })
  .map((date) => date.toISOString())

const anyId = fc.stringMatching(/^[\x21-\x7e]{1,128}$/)

function inside32({ min, max }: { min: number; max: number }) {
  return { min: Math.max(min, -(2 ** 31)), max: Math.min(max, 2 ** 31 - 1) }
}

function inner(schema: Schema | undefined): Schema {
  if (!schema) throw new Error("any-record: a wrapper without an inner type")
  return schema
}

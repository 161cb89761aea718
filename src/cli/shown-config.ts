/** The configuration as text that the loader reads back: durations as `24h`, all else as it is. */
import { stringify } from "yaml"
import { z } from "zod"
import { Config } from "../config.ts"

export function shownConfig(config: Config): string {
  return stringify(shownSettings(Config, config))
}

/** Goes along the schema, because a value does not tell milliseconds from other numbers. */
export function shownSettings(schema: z.core.$ZodType, value: unknown): unknown {
  if (value === null || value === undefined) return value
  if (schema instanceof z.ZodCodec) return z.encode(schema, value)
  if (schema instanceof z.ZodPipe) return shownSettings(schema.in, value)
  if (
    schema instanceof z.ZodOptional ||
    schema instanceof z.ZodNullable ||
    schema instanceof z.ZodDefault ||
    schema instanceof z.ZodPrefault
  )
    return shownSettings(schema.unwrap(), value)
  if (schema instanceof z.ZodArray && Array.isArray(value))
    return value.map((one) => shownSettings(schema.element, one))
  // In the order of the schema, whatever order a default came in.
  if (schema instanceof z.ZodObject)
    return mapped(value, Object.keys(schema.shape), (key) => schema.shape[key])
  if (schema instanceof z.ZodDiscriminatedUnion) return shownSettings(meant(schema, value), value)
  if (schema instanceof z.ZodRecord)
    return mapped(value, Object.keys(value), () => schema.valueType)
  return value
}

/** The option whose discriminator the value has. */
function meant(schema: z.ZodDiscriminatedUnion, value: unknown): z.core.$ZodType {
  const { discriminator } = schema.def
  const given = (value as Record<string, unknown>)[discriminator]
  const option = schema.options.find(
    (one) => one instanceof z.ZodObject && one.shape[discriminator]?.safeParse(given).success,
  )
  return option ?? z.unknown()
}

function mapped(
  value: unknown,
  keys: readonly string[],
  schemaOf: (key: string) => z.core.$ZodType,
): Record<string, unknown> {
  const given = new Map(Object.entries(value ?? {}))
  const there = keys.filter((key) => given.has(key))
  return Object.fromEntries(there.map((key) => [key, shownSettings(schemaOf(key), given.get(key))]))
}

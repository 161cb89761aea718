/**
 * One of several objects, told apart by a key that only one of them has. A plain union of zod would
 * only say that none of them fits.
 */
import { z } from "zod"

export function byKey<S extends Record<string, z.ZodType>>(
  schemas: S,
): z.ZodType<z.output<S[keyof S]>, unknown> {
  const keys = Object.keys(schemas)
  return z.unknown().transform((given, context): z.output<S[keyof S]> => {
    const key = keys.find((one) => has(given, one))
    const schema = key === undefined ? undefined : schemas[key]
    if (schema === undefined) {
      context.issues.push({
        code: "custom",
        message: `needs one of: ${keys.join(", ")}`,
        input: given,
      })
      return z.NEVER
    }
    const read = schema.safeParse(given)
    if (read.success) return read.data as z.output<S[keyof S]>
    for (const { path, message } of read.error.issues)
      context.issues.push({ code: "custom", path, message, input: given })
    return z.NEVER
  })
}

function has(given: unknown, key: string): boolean {
  return typeof given === "object" && given !== null && Object.hasOwn(given, key)
}

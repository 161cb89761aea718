/**
 * Fields of a row as MDMs write them: the schemas that connectors put together.
 *
 * A field that is missing, null or an empty text is not known. A field of a wrong type, or a text
 * beyond any sense, refuses its row.
 */
import { z } from "zod"
import type { RowRead } from "./connector.ts"

/** Names, models, versions: nothing true is longer. */
const longest = 512
/** Apps, profiles or groups of one device. */
export const mostListed = 5_000

const noText = (text: string | null | undefined) => (text?.trim() ? text.trim() : null)

export const text = z.string().max(longest).nullish().transform(noText)
export const flag = z
  .boolean()
  .nullish()
  .transform((value) => value ?? null)
/** An id that some versions of an API write as a number. */
export const idText = z
  .union([z.string().min(1).max(120), z.int().min(0)])
  .transform(String)
  .pipe(z.string().regex(/^[\x21-\x7e]{1,120}$/, "must be 1 to 120 printable characters"))

/** An instant in epoch milliseconds; null for what cannot be one, such as Microsoft's year 1. */
export const instant = z
  .string()
  .max(64)
  .nullish()
  .transform((value) => {
    const at = value ? Date.parse(value) : Number.NaN
    return Number.isNaN(at) || at < earliest ? null : at
  })
/** 2007-01-01: before the first phone that an MDM managed. */
const earliest = 1_167_609_600_000

/** The row's fault with its place, and no word of its content. */
export function rejection(error: z.ZodError): RowRead {
  const issue = error.issues[0]
  const path = issue?.path.map((part) => (typeof part === "number" ? "[]" : String(part))).join(".")
  const where = path ? `${path.slice(0, 60)}: ` : ""
  return { rejected: `${where}${faultWords(issue)}` }
}

function faultWords(issue: z.core.$ZodIssue | undefined): string {
  switch (issue?.code) {
    case "invalid_type":
      return `is not of type ${issue.expected}`
    case "too_big":
      return `is longer than ${issue.maximum}`
    case "too_small":
      return "is empty"
    default:
      return "has an unusable value"
  }
}

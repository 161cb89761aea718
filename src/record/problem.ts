/** What is wrong with something that was given to us as a record, and what to do about it. */
import type { z } from "zod"

export interface Problem {
  /** Dotted name of the field; null where the whole line is meant. */
  field: string | null
  /** What is wrong, and the way out. */
  text: string
}

export function problemOf(issue: z.core.$ZodIssue): Problem {
  const field = issue.path.length > 0 ? issue.path.join(".") : null
  switch (issue.code) {
    case "unrecognized_keys":
      return {
        field: [...issue.path, issue.keys[0]].join("."),
        text: "no record of this kind has that field; check its spelling or remove it",
      }
    case "invalid_value":
      return { field, text: `must be one of ${issue.values.join(", ")}; correct it` }
    case "invalid_type":
      return issue.input === undefined
        ? { field, text: `is missing; add it (${issue.expected})` }
        : { field, text: `must be ${articled(issue.expected)}; correct it` }
    case "invalid_format":
      if (issue.format !== "datetime") break
      return {
        field,
        text: "must be an RFC 3339 time such as 2026-11-21T01:02:03.004Z; correct it",
      }
  }
  return { field, text: `${issue.message}; correct it` }
}

function articled(type: string): string {
  return /^[aeiou]/.test(type) ? `an ${type}` : `a ${type}`
}

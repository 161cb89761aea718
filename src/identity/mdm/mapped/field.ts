/**
 * How one field is read from a row: where it stands, and which of a few declared changes it needs.
 *
 * In: a rule and a row as JSON. Out: the value, null where the row does not say, or a fault in words.
 * It must not guess: a value of another type than declared is a fault, never a default. A fault never
 * repeats what the row holds.
 */
import { z } from "zod"
import { canonicalMac } from "../../mac.ts"
import { byKey } from "./by-key.ts"
import { at, type Pointer, PointerText, pointerText } from "./pointer.ts"

/** Longer texts are no names. */
const longestText = 1_024
/** Before the first phone that an MDM managed: 0001-01-01, 1970-01-01 and 2000-01-01 mean "never". */
const firstTime = Date.UTC(2007, 0, 1)

const Scalar = z.union([z.string().max(200), z.boolean()])
const Rewrite = {
  /** What the system says -> what it means here. A key that ends in `*` fits all that begin so. */
  table: z.record(z.string().min(1).max(200), Scalar.nullable()).optional(),
  /** For what the table does not list; without it such a value is a fault. */
  otherwise: Scalar.nullable().optional(),
  /** Values that say nothing: "N/A", "Unknown". An empty text always says nothing. */
  unknown: z.array(z.string().max(200)).max(50).default([]),
  /** In lower case, before anything else. */
  lower: z.boolean().default(false),
  /** Left out at the beginning where it stands there: "iOS 17.5" -> "17.5". */
  "strip-prefix": z.array(z.string().min(1).max(50)).max(20).default([]),
  /** How a time is written: with its offset, in UTC without one, or counted from 1970. */
  time: z.enum(["rfc3339", "utc", "epoch-seconds", "epoch-ms"]).default("rfc3339"),
}

const Placed = z.strictObject({
  /** Where it stands; of several the first that says anything. */
  at: z.preprocess(
    (given) => (typeof given === "string" ? [given] : given),
    z.array(PointerText).min(1).max(5),
  ),
  ...Rewrite,
})
const Joined = z.strictObject({
  /** Texts and places that are put together; unknown where one of the places says nothing. */
  concat: z
    .array(z.union([PointerText, z.strictObject({ text: z.string().max(100) })]))
    .min(2)
    .max(10),
  ...Rewrite,
})
const Said = z.strictObject({ value: Scalar })

type Placed = z.infer<typeof Placed>
export type FieldRule = Placed | z.infer<typeof Joined> | z.infer<typeof Said>

/** A bare pointer, or a list of them, is short for `{ at: ... }`. */
export const FieldRule: z.ZodType<FieldRule, unknown> = z
  .unknown()
  .transform((given) => (typeof given === "string" || Array.isArray(given) ? { at: given } : given))
  .pipe(byKey({ at: Placed, concat: Joined, value: Said }))

export interface Fault {
  fault: string
}

export function isFault(value: unknown): value is Fault {
  return typeof value === "object" && value !== null && "fault" in value
}

export function readText(rule: FieldRule, row: unknown): string | null | Fault {
  const value = rewritten(rule, row)
  if (value === null || isFault(value)) return value
  if (typeof value === "boolean") return wrong(rule, "is a boolean, not a text")
  return value
}

/** The few words that a field may have: a platform, a profile. */
export function readWord<W extends string>(
  words: readonly W[],
  rule: FieldRule,
  row: unknown,
): W | null | Fault {
  const text = readText(rule, row)
  if (text === null || isFault(text)) return text
  const word = words.find((one) => one === text)
  return word ?? wrong(rule, `is none of ${words.join(", ")}: add it to table`)
}

export function readBoolean(rule: FieldRule, row: unknown): boolean | null | Fault {
  const value = rewritten(rule, row)
  if (value === null || typeof value === "boolean" || isFault(value)) return value
  return wrong(rule, "is a text, not true or false: add it to table")
}

export function readMac(rule: FieldRule, row: unknown): string | null | Fault {
  const text = readText(rule, row)
  if (text === null || isFault(text)) return text
  return canonicalMac(text) ?? wrong(rule, "is not a hardware address")
}

/** In epoch milliseconds. */
export function readTime(rule: FieldRule, row: unknown): number | null | Fault {
  const text = readText(rule, row)
  if (text === null || isFault(text)) return text
  const ms = timeOf(text, "time" in rule ? rule.time : "rfc3339")
  if (ms === null) return wrong(rule, "is not a time as declared")
  return ms < firstTime ? null : ms
}

/** All texts of a list; what is in it is read by `each`. */
export function readTexts(
  list: Pointer,
  each: FieldRule,
  most: number,
  row: unknown,
): string[] | Fault {
  const found = at(row, list)
  if (found === undefined || found === null) return []
  if (!Array.isArray(found)) return { fault: `${pointerText(list)} is not a list` }
  if (found.length > most) return { fault: `${pointerText(list)} has more than ${most} entries` }
  const texts: string[] = []
  for (const one of found) {
    const text = readText(each, one)
    if (isFault(text)) return text
    if (text !== null) texts.push(text)
  }
  return texts
}

function rewritten(rule: FieldRule, row: unknown): string | boolean | null | Fault {
  if ("value" in rule) return rule.value
  const raw = "at" in rule ? firstOf(rule.at, row) : joined(rule.concat, row)
  if (raw === null || isFault(raw)) return raw
  let value = raw
  if (typeof value === "string") {
    if (rule.lower) value = value.toLowerCase()
    const text = value
    if (rule.unknown.includes(text)) return null
    const prefix = rule["strip-prefix"].find((one) => text.startsWith(one))
    if (prefix !== undefined) value = text.slice(prefix.length).trim()
    if (value === "") return null
  }
  if (rule.table === undefined) return value
  const meant = lookUp(rule.table, String(value))
  if (meant !== undefined) return meant
  if (rule.otherwise !== undefined) return rule.otherwise
  return wrong(rule, "is what table does not list")
}

function firstOf(places: readonly Pointer[], row: unknown): string | boolean | null | Fault {
  for (const place of places) {
    const value = scalar(place, row)
    if (value !== null) return value
  }
  return null
}

function joined(
  parts: readonly (Pointer | { text: string })[],
  row: unknown,
): string | null | Fault {
  let whole = ""
  for (const part of parts) {
    const value = "text" in part ? part.text : scalar(part, row)
    if (value === null || isFault(value)) return value
    whole += String(value)
  }
  return whole
}

function scalar(place: Pointer, row: unknown): string | boolean | null | Fault {
  const value = at(row, place)
  if (value === undefined || value === null) return null
  if (typeof value === "boolean") return value
  if (typeof value === "number" && Number.isFinite(value)) return String(value)
  if (typeof value !== "string")
    return { fault: `${pointerText(place)} is ${kindOf(value)}, not a text, number or boolean` }
  const text = value.trim()
  if (text.length > longestText)
    return { fault: `${pointerText(place)} is longer than ${longestText} characters` }
  // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for
  if (/[\u0000-\u001f\u007f]/.test(text))
    return { fault: `${pointerText(place)} has control characters` }
  return text === "" ? null : text
}

/** The exact key first, then the longest beginning that fits. */
function lookUp(table: NonNullable<Placed["table"]>, value: string) {
  if (Object.hasOwn(table, value)) return table[value]
  const beginnings = Object.keys(table)
    .filter((key) => key.endsWith("*") && value.startsWith(key.slice(0, -1)))
    .sort((a, b) => b.length - a.length)
  const [longest] = beginnings
  return longest === undefined ? undefined : table[longest]
}

function timeOf(text: string, written: Placed["time"]): number | null {
  if (written === "epoch-seconds" || written === "epoch-ms") {
    if (!/^\d{1,15}(\.\d{1,9})?$/.test(text)) return null
    const ms = Math.floor(Number(text) * (written === "epoch-ms" ? 1 : 1_000))
    return Number.isSafeInteger(ms) && ms < Date.UTC(9999, 0) ? ms : null
  }
  if (!/^\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d(\.\d{1,9})?(Z|[+-]\d\d:?\d\d)?$/i.test(text)) return null
  const hasOffset = /(Z|[+-]\d\d:?\d\d)$/i.test(text)
  if (!hasOffset && written !== "utc") return null
  const ms = Date.parse(`${text.replace(" ", "T")}${hasOffset ? "" : "Z"}`)
  return Number.isNaN(ms) || ms >= Date.UTC(9999, 0) ? null : ms
}

function wrong(rule: FieldRule, what: string): Fault {
  return { fault: `${placeOf(rule)} ${what}` }
}

/** Which field of the answer is meant, for whoever mends the mapping. */
function placeOf(rule: FieldRule): string {
  if ("value" in rule) return "the value"
  if ("at" in rule) return rule.at.map(pointerText).join(" or ")
  return rule.concat.map((part) => ("text" in part ? part.text : pointerText(part))).join("")
}

function kindOf(value: unknown): string {
  return Array.isArray(value) ? "a list" : `an ${typeof value}`
}

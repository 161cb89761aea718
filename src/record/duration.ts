/** Durations in configuration: `500ms`, `10s`, `5m`, `12h`, `7d`; inside, always milliseconds. */
import { z } from "zod"

const UNIT_MS = { ms: 1, s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000 } as const
type Unit = keyof typeof UNIT_MS

/** Ten years: beyond it a duration is a slip of the pen, and far below it sums stay exact. */
const MAX_MS = 3_650 * UNIT_MS.d

/** A whole number and one unit, without a space; read as milliseconds, and written back as text. */
export const Duration = z.codec(z.string(), z.number(), {
  decode: (text, context) => readDuration(text, context.issues),
  encode: durationText,
})

function readDuration(text: string, issues: z.core.$ZodRawIssue[]): number {
  const [, number = "", unit = ""] = /^(\d{1,15})(ms|s|m|h|d)$/.exec(text) ?? []
  if (unit === "") {
    issues.push({
      code: "custom",
      input: text,
      message: `"${text}" is not a duration: write a whole number and a unit, as in 500ms, 10s, 5m, 12h or 7d`,
    })
    return z.NEVER
  }
  const ms = Number(number) * UNIT_MS[unit as Unit]
  if (ms > MAX_MS) {
    issues.push({
      code: "custom",
      input: text,
      message: `"${text}" is longer than 3650d, the longest duration`,
    })
    return z.NEVER
  }
  return ms
}

/** The shortest exact text of a duration, in the largest unit that divides it: 86400000 -> `1d`. */
export function durationText(ms: number): string {
  const units: readonly Unit[] = ["d", "h", "m", "s"]
  const unit = ms > 0 ? units.find((each) => ms % UNIT_MS[each] === 0) : undefined
  return unit ? `${ms / UNIT_MS[unit]}${unit}` : `${ms}ms`
}

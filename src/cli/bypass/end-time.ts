/** Ends and review dates as a person writes them: a duration from now, or a time. */
import { Duration, durationText } from "../../record/duration.ts"

/** The longest that a bypass may last before a person has to say again that it shall. */
export const longestBypass = 366 * 86_400_000
/** A review is due halfway to the end, and at the latest after a quarter of a year. */
const longestUnreviewed = 90 * 86_400_000

/** `30d` or `2027-01-31T00:00:00Z`, in epoch milliseconds. `flag` is named in errors. */
export function readTime(flag: string, text: string, now: number): number {
  const duration = Duration.safeParse(text)
  if (duration.success) return now + duration.data
  const time = /^\d{4}-\d\d-\d\d(T.*(Z|[+-]\d\d:\d\d))?$/.test(text) ? Date.parse(text) : Number.NaN
  if (!Number.isNaN(time)) return time
  throw new Error(
    `${flag}: "${text}" is neither a duration nor a time; write 30d, 2027-01-31 or 2027-01-31T12:00:00Z`,
  )
}

/** An end that lies ahead, and not further than is allowed. */
export function readEnd(text: string, now: number): number {
  const end = readTime("--expires", text, now)
  if (end <= now) throw new Error(`--expires: "${text}" has passed; give an end that lies ahead`)
  if (end - now > longestBypass)
    throw new Error(
      `--expires: "${text}" is too far; a bypass lasts ${durationText(longestBypass)} at most, and is renewed after that`,
    )
  return end
}

/** When it is looked at again, at the latest at its end (epoch milliseconds, null: it has none). */
export function readReview(
  flag: string,
  text: string | undefined,
  end: number | null,
  now: number,
): number {
  if (text === undefined)
    return now + Math.min(longestUnreviewed, end === null ? longestUnreviewed : (end - now) / 2)
  const review = readTime(flag, text, now)
  if (review <= now) throw new Error(`${flag}: "${text}" has passed; give a time that lies ahead`)
  if (end !== null && review > end)
    throw new Error(`${flag}: "${text}" is after its end, ${new Date(end).toISOString()}`)
  return review
}

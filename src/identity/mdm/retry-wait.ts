/** How long to wait before a server is asked again: what it asks for, or doubling with chance in it. */

/** Wait before the first repetition, in milliseconds; it doubles from there. */
const first = 500
const longestOwn = 60_000

/**
 * `Retry-After` (RFC 9110 section 10.2.3) as milliseconds from `now`: seconds, which Microsoft
 * also sends with a fraction, or an HTTP date. Null for what is neither.
 */
export function retryAfterMs(header: string | undefined, now: number): number | null {
  const text = header?.trim() ?? ""
  if (/^\d{1,9}(\.\d{1,9})?$/.test(text)) return Math.ceil(Number(text) * 1_000)
  if (!/^[A-Za-z]{3,9},? /.test(text)) return null
  const at = Date.parse(text)
  return Number.isNaN(at) ? null : Math.max(0, at - now)
}

/** Half of it is by chance, so that sensors do not come back to a server all at once. What the server
 * asks for is never undercut. */
export function waitMs(failures: number, asked: number | null, random: number): number {
  if (asked !== null) return Math.round(asked + random * Math.min(1_000, asked / 4 + 100))
  const full = Math.min(longestOwn, first * 2 ** Math.min(20, Math.max(0, failures - 1)))
  return Math.round(full / 2 + (full / 2) * random)
}

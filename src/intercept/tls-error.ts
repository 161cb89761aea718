/**
 * Reads what an error of a TLSSocket says. Codes are not matched: their names changed at OpenSSL 3.2.
 * The alert number stands in the message in the same form on every version.
 */

/** How a TLS connection failed. */
export type TlsFault =
  | { kind: "alert"; alert: number }
  /** TCP: the peer reset, or the connection broke. */
  | { kind: "reset"; code: string }
  /** We ended it: what the peer sent or offered cannot be used. `alert` where it is known. */
  | { kind: "ours"; reason: string; alert: number | null }

/** OpenSSL's reason -> the alert it sends (RFC 8446 section 6.2); others are sent, but not named. */
const ourAlerts: ReadonlyMap<string, number> = new Map([
  ["no shared cipher", 40],
  ["no shared signature algorithms", 40],
  ["no suitable signature algorithm", 40],
  ["no suitable key share", 40],
  ["no suitable groups", 40],
  ["unsupported protocol", 70],
  ["no application protocol", 120],
  ["inappropriate fallback", 86],
  ["decryption failed or bad record mac", 20],
])

export function tlsFault(error: Error): TlsFault {
  const alert = /SSL alert number (\d+)/.exec(error.message)?.[1]
  if (alert !== undefined) return { kind: "alert", alert: Number(alert) }
  const code = property(error, "code") ?? "unknown"
  const reason = property(error, "reason")
  if (reason === undefined && !code.startsWith("ERR_SSL")) return { kind: "reset", code }
  const words = reason ?? code
  return { kind: "ours", reason: words, alert: ourAlerts.get(words) ?? null }
}

/** Code of an error of the system or of a library, else its message. */
export function errorCode(error: unknown): string {
  if (!(error instanceof Error)) return "unknown"
  return property(error, "code") ?? error.message.slice(0, 100)
}

function property(error: Error, name: string): string | undefined {
  const value: unknown = Reflect.get(error, name)
  return typeof value === "string" ? value : undefined
}

/** A fatal alert in clear, as it may answer a ClientHello: type 21, version 3.3, length 2. */
export function plaintextAlert(alert: number): Buffer {
  return Buffer.from([21, 3, 3, 0, 2, 2, alert])
}

/** Errors are told to whoever reads at the time; that nobody does must not mean a crash. */
export function ignoreError(): void {}

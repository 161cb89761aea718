/** Which errors are the store's, and which are those of a record that does not fit. */

/** Locked, full, unreadable: it passes, or the operator must act; no record is to blame. */
export function isStoreTrouble(error: unknown): boolean {
  if (!(error instanceof Error) || error.name !== "SqliteError") return false
  return !/^SQLITE_(CONSTRAINT|MISMATCH|TOOBIG|RANGE)/.test(String(Reflect.get(error, "code")))
}

/** What makes a request ours. */

export interface Credentials {
  /** Headers that prove who asks. */
  headers(signal: AbortSignal): Promise<Record<string, string>>
  /** The server refused them (401). Whether it is worth another attempt with new ones. */
  refused(): boolean
}

/** The same headers each time: a key, or user and password. `read` is asked for each request, so
 * that a rotated one is taken. */
export function fixedCredentials(read: () => Record<string, string>): Credentials {
  return { headers: async () => read(), refused: () => false }
}

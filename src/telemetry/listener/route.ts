/** What a listener serves: a path, and what becomes of a request to it. */
import type { IncomingHttpHeaders } from "node:http"

export interface Received {
  headers: IncomingHttpHeaders
  clientIp: string
  /** As it came, still packed. */
  body: Buffer
  /** Nobody waits for the answer any more: what has not begun need not, for it will be sent again. */
  gone: () => boolean
}

export interface Answer {
  status: number
  /** Becomes JSON. */
  body: object
  /** Seconds after which the same may be sent again. */
  retryAfter?: number
}

export interface Route {
  path: string
  contentTypes: readonly string[]
  /** In bytes, where it is not the listener's. */
  largestBody?: number
  /** Asked before the body is read; what it answers refuses the request. */
  admit?: (headers: IncomingHttpHeaders) => Promise<Answer | null>
  answer(request: Received): Promise<Answer>
  /** Something was refused on this path before `answer` saw it. */
  refused(): void
}

/** What nobody reads. */
export const unheard: Answer = refusal(408, "the request was broken off; send it again")

/** 4xx and 5xx have one form: what is wrong, and what to do. */
export function refusal(status: number, error: string, more: Partial<Answer> = {}): Answer {
  return { status, body: { error }, ...more }
}

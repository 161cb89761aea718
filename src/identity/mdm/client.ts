/**
 * Asks one API for JSON until it answers: credentials, patience and the bounds of a sweep.
 *
 * 401 is answered with one new token; 429 and 5xx, a lost connection and a late answer with a wait
 * (the server's, or doubling) and another attempt; everything else ends the sweep.
 */
import { setTimeout as sleep } from "node:timers/promises"
import { boundedJson, NotJson } from "./bounded-json.ts"
import type { Credentials } from "./credentials.ts"
import type { MdmAnswer, MdmHttp, MdmRequest } from "./http.ts"
import { MdmFault } from "./mdm-fault.ts"
import type { MdmHttpSettings } from "./poll-settings.ts"
import { retryAfterMs, waitMs } from "./retry-wait.ts"

const MiB = 1024 * 1024

export interface MdmClientParts {
  http: MdmHttp
  settings: MdmHttpSettings
  /** Null for requests that need none, as for a token. */
  credentials: Credentials | null
  /** What an answer means that has a meaning of its own there; null: what its status says. */
  faultOf?: (answer: MdmAnswer) => MdmFault | null
  clock: () => number
  random: () => number
}

/** Owned state: how many bytes the sweep has had. */
export class MdmClient {
  readonly #parts: MdmClientParts
  #bytes = 0

  constructor(parts: MdmClientParts) {
    this.#parts = parts
  }

  /** A sweep begins: its bytes are counted anew. */
  begin(): void {
    this.#bytes = 0
  }

  /** `url` may be relative to the API's origin; one of another origin is refused. */
  async json(
    url: string | URL,
    signal: AbortSignal,
    { method = "GET", headers = {}, body }: Partial<MdmRequest> = {},
  ): Promise<unknown> {
    const request = { method, headers, ...(body === undefined ? {} : { body }) }
    const answer = await this.answer(url, request, signal)
    try {
      return boundedJson(answer.body)
    } catch (cause) {
      if (!(cause instanceof NotJson)) throw cause
      throw new MdmFault("lasting", `the answer of ${this.#parts.http.origin} ${cause.message}`)
    }
  }

  /** The answer with status 200, after as much patience as is configured. */
  async answer(url: string | URL, request: MdmRequest, signal: AbortSignal): Promise<MdmAnswer> {
    const { settings, random } = this.#parts
    let renewed = false
    for (let tries = 1; ; tries++) {
      const fault = await this.#once(url, request, signal).then(
        (answer) => answer,
        (error: unknown) => error,
      )
      if (!(fault instanceof Error)) return fault as MdmAnswer
      if (!(fault instanceof MdmFault)) throw fault
      if (fault.status === 401 && !renewed && this.#parts.credentials?.refused()) {
        renewed = true
        continue
      }
      if (fault.kind !== "passing" || tries >= settings.tries) throw fault
      const wait = waitMs(tries, fault.retryAfterMs, random())
      if (wait > settings["longest-wait"]) throw fault
      await sleep(wait, undefined, { signal })
    }
  }

  async #once(url: string | URL, request: MdmRequest, signal: AbortSignal): Promise<MdmAnswer> {
    const { http, settings, credentials, clock } = this.#parts
    const own = credentials === null ? {} : await credentials.headers(signal)
    const target = URL.canParse(String(url), http.origin) ? new URL(url, http.origin) : null
    if (target === null)
      throw new MdmFault("lasting", `${http.origin} sent us to what is no address`)
    const answer = await http.ask(
      target,
      { ...request, headers: { ...request.headers, ...own } },
      signal,
    )
    this.#bytes += answer.body.length
    if (this.#bytes > settings["max-sweep"] * MiB)
      throw new MdmFault(
        "lasting",
        `${http.origin} sent more than ${settings["max-sweep"]} MiB in one sweep (http.max-sweep)`,
      )
    if (answer.status === 200) return answer
    throw this.#parts.faultOf?.(answer) ?? statusFault(answer, http.origin, clock())
  }
}

function statusFault({ status, headers }: MdmAnswer, origin: string, now: number): MdmFault {
  const said = `${origin} answered ${status}`
  if (status === 401)
    return new MdmFault("refused", `${said}: it takes our credential no longer`, { status })
  if (status === 403)
    return new MdmFault("refused", `${said}: a permission is missing (docs/mdm.md lists them)`, {
      status,
    })
  if (status === 429 || status === 408 || status >= 500) {
    const wait = retryAfterMs(headers["retry-after"], now)
    const asks = wait === null ? "" : `, and asks to wait ${Math.ceil(wait / 1_000)} s`
    return new MdmFault("passing", `${said}${asks}`, { status, retryAfterMs: wait })
  }
  return new MdmFault("lasting", said, { status })
}

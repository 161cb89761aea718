/**
 * What proves to a server who asks. A token is fetched once for all who wait for it, kept until
 * shortly before its end, and fetched anew when the server refuses it.
 */
import { z } from "zod"
import { boundedJson } from "./bounded-json.ts"
import { MdmClient } from "./client.ts"
import type { Credentials } from "./credentials.ts"
import type { MdmAnswer, MdmHttp } from "./http.ts"
import { MdmFault } from "./mdm-fault.ts"
import type { MdmHttpSettings } from "./poll-settings.ts"

export interface Token {
  value: string
  /** How long it lives, in milliseconds. */
  livesMs: number
}

/** A token is replaced when less than a quarter of its life is left, and at most five minutes before. */
const earliest = 5 * 60_000
const shareLeft = 0.25

/** Owned state: the token in force. */
export class BearerToken implements Credentials {
  readonly #fetch: (signal: AbortSignal) => Promise<Token>
  readonly #clock: () => number
  #token: { value: string; from: number; until: number } | null = null
  #fetching: Promise<string> | null = null

  constructor(parts: { fetch: (signal: AbortSignal) => Promise<Token>; clock: () => number }) {
    this.#fetch = parts.fetch
    this.#clock = parts.clock
  }

  async headers(signal: AbortSignal): Promise<Record<string, string>> {
    return { authorization: `Bearer ${await this.#value(signal)}` }
  }

  refused(): boolean {
    this.#token = null
    return true
  }

  #value(signal: AbortSignal): Promise<string> {
    const now = this.#clock()
    const held = this.#token
    // A clock that was set back makes no token live longer.
    if (held && now >= held.from && now < held.until) return Promise.resolve(held.value)
    this.#fetching ??= this.#anew(signal).finally(() => {
      this.#fetching = null
    })
    return this.#fetching
  }

  async #anew(signal: AbortSignal): Promise<string> {
    const from = this.#clock()
    const { value, livesMs } = await this.#fetch(signal)
    const until = from + livesMs - Math.min(earliest, livesMs * shareLeft)
    this.#token = { value, from, until }
    return value
  }
}

/** Where tokens come from, and what is sent there: an OAuth 2.0 token endpoint (RFC 6749). */
export interface TokenEndpoint {
  http: MdmHttp
  settings: MdmHttpSettings
  /** Full URL, at the origin of `http`. */
  url: string
  /** Made for each request, so that a rotated secret is taken. */
  form: () => Record<string, string> | Promise<Record<string, string>>
  clock: () => number
  random: () => number
}

export function oauthToken(endpoint: TokenEndpoint): BearerToken {
  const { http, settings, url, form, clock, random } = endpoint
  const faultOf = (answer: MdmAnswer) => tokenFault(answer, http.origin)
  const client = new MdmClient({ http, settings, credentials: null, faultOf, clock, random })
  const fetch = async (signal: AbortSignal) => {
    const body = new URLSearchParams(await form()).toString()
    const headers = { "content-type": "application/x-www-form-urlencoded" }
    // Tokens are no part of a sweep.
    client.begin()
    return tokenIn(await client.answer(url, { method: "POST", headers, body }, signal), http.origin)
  }
  return new BearerToken({ fetch, clock })
}

/** RFC 6749 section 5.1; some servers write the lifetime as text. */
const TokenAnswer = z.object({
  access_token: z.string().regex(/^[\x21-\x7e]{1,16384}$/),
  expires_in: z.union([z.number(), z.string().regex(/^\d{1,9}$/)]).optional(),
})
const ErrorAnswer = z.object({ error: z.string().regex(/^[A-Za-z_]{1,60}$/) })

/** A token without a lifetime (RFC 6749 recommends one) is taken for a minute. */
const unsaidSeconds = 60

function tokenIn({ body }: MdmAnswer, where: string): Token {
  const answer = TokenAnswer.safeParse(parsed(body))
  if (!answer.success) throw new MdmFault("passing", `${where} answered without a token`)
  const seconds = Number(answer.data.expires_in ?? unsaidSeconds)
  return {
    value: answer.data.access_token,
    livesMs: Math.max(0, Math.min(86_400, seconds)) * 1_000,
  }
}

/** RFC 6749 section 5.2: 400 and 401 mean the credential, not the moment. */
function tokenFault({ status, body }: MdmAnswer, where: string): MdmFault | null {
  if (status !== 400 && status !== 401 && status !== 403) return null
  const why = `${where} gave no token: ${status}${errorCode(body)}`
  const wayOut = "check the client's id and secret, and that they have not expired"
  return new MdmFault("refused", `${why}; ${wayOut}`)
}

/** The error's registered name and Microsoft's number; never its description. */
function errorCode(body: Buffer): string {
  const answer = ErrorAnswer.safeParse(parsed(body))
  const number = /AADSTS\d{1,10}/.exec(body.subarray(0, 4_096).toString("latin1"))?.[0]
  const words = [answer.success ? answer.data.error : null, number ?? null]
  return words.flatMap((word) => (word === null ? [] : [` ${word}`])).join("")
}

function parsed(body: Buffer): unknown {
  try {
    return boundedJson(body)
  } catch {
    return null
  }
}

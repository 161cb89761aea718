/**
 * POST /v1/events: events of mobile EDR in the native schema.
 *
 * In: signed requests. Out: app events in the store, committed before they are acknowledged; and an
 * answer that names each line that was refused. A caller without a key learns nothing and changes
 * nothing. It must not know how the store is kept.
 */
import { randomBytes } from "node:crypto"
import { setImmediate as breathe } from "node:timers/promises"
import type { AppEvent } from "../../record/app-event.ts"
import type { Problem } from "../../record/problem.ts"
import { type Intake, NotKept } from "../intake.ts"
import { type Answer, type Received, type Route, refusal, unheard } from "../listener/route.ts"
import { nativeEvent, type ProducerContext } from "../native-event.ts"
import type { Turns } from "../turns.ts"
import type { Keyring } from "./keyring.ts"
import type { WebhookSettings } from "./settings.ts"
import { isSignedBy, timestampMs } from "./signature.ts"
import { type Line, linesOf, unpacked } from "./unpack.ts"

/** Committed at once; between two such batches other requests have their turn. */
const batchSize = 1_000
/** Lines that an answer tells of; the number of all is told beside it. */
const mostProblems = 100
/** The producer repeats a request that could not be stored after so many seconds. */
const storeRetry = 10

export interface WebhookParts {
  settings: WebhookSettings
  keys: Keyring
  /** By the name of the sender. */
  intakes: ReadonlyMap<string, Intake>
  turns: Turns
  clock: () => number
  /** A request was refused before it was known whose it is. */
  refused: () => void
}

interface Taken {
  accepted: number
  known: number
  rejected: number
  problems: ({ line: number } & Record<"field" | "why", string | null>)[]
}

export function webhookRoute(parts: WebhookParts): Route {
  const stranger = randomBytes(32).toString("hex")
  return {
    path: "/v1/events",
    contentTypes: ["application/json", "application/x-ndjson", "application/ndjson"],
    refused: parts.refused,
    answer: async (received) => {
      const signed = signedBy(received, parts, stranger)
      if ("status" in signed) {
        parts.refused()
        return signed
      }
      return parts.turns.take(async () =>
        received.gone() ? unheard : taken(received, signed.sender, parts),
      )
    },
  }
}

/** Whose request it is. An unknown key costs what a known one costs and gets the answer of a bad
 * signature, so that nobody learns which keys there are. */
function signedBy(
  { headers, body }: Received,
  { keys, settings, clock }: WebhookParts,
  stranger: string,
): { sender: string } | Answer {
  const [id, time, given] = ["key", "timestamp", "signature"].map((name) => {
    const value = headers[`x-pinsensor-${name}`]
    return typeof value === "string" ? value : null
  })
  if (!id || !time || !given) {
    const text = "sign it: X-Pinsensor-Key, X-Pinsensor-Timestamp and X-Pinsensor-Signature"
    return refusal(401, text)
  }
  const at = timestampMs(time)
  const now = clock()
  const windowMs = settings["replay-window"]
  if (at === null || Math.abs(at - now) > windowMs) {
    const error =
      at === null
        ? "X-Pinsensor-Timestamp is Unix time in seconds"
        : `X-Pinsensor-Timestamp is more than ${windowMs / 1_000} s from the receiver's clock`
    return { status: 401, body: { error, server_time: Math.floor(now / 1_000) } }
  }
  const found = keys.find(id)
  const good = isSignedBy(found?.secret ?? stranger, time, body, given)
  return found && good ? { sender: found.sender } : refusal(401, "the signature does not fit")
}

async function taken(
  { headers, body }: Received,
  sender: string,
  parts: WebhookParts,
): Promise<Answer> {
  const { settings, intakes } = parts
  const { limits } = settings
  const intake = intakes.get(sender)
  if (!intake) throw new Error(`telemetry: ${sender} has no intake`)
  const refuse = (status: number, error: string) => {
    intake.refused()
    return refusal(status, error)
  }
  const text = await unpacked(body, headers["content-encoding"], limits)
  if (text === "unknown-encoding")
    return refuse(415, "Content-Encoding is gzip, or is not given at all")
  if (text === "not-gzip") return refuse(400, "the body is no complete gzip")
  if (text === "too-large")
    return refuse(
      413,
      `unpacked, a body is at most ${limits["unpacked-bytes"]} bytes and ${limits["unpacked-ratio"]} times its packed size; send fewer events at once`,
    )
  const lines = linesOf(text, limits)
  if (lines === "too-many")
    return refuse(413, `a body holds at most ${limits.lines} events; send fewer at once`)
  if (lines === "not-json") return refuse(400, "the body is neither a JSON array nor NDJSON")
  try {
    const result = await keep(lines.lines(), sender, intake, parts)
    const nothingGood = result.accepted + result.known === 0 && result.rejected > 0
    return { status: nothingGood ? 400 : 200, body: result }
  } catch (error) {
    if (!(error instanceof NotKept)) throw error
    const text = "the events cannot be stored now; send all of them again later"
    return refusal(503, text, { retryAfter: storeRetry })
  }
}

/** Commits as it goes: what is told as accepted is stored. */
async function keep(
  lines: Iterable<Line>,
  sender: string,
  intake: Intake,
  parts: WebhookParts,
): Promise<Taken> {
  const result: Taken = { accepted: 0, known: 0, rejected: 0, problems: [] }
  const context = contextOf(sender, intake, parts)
  let events: AppEvent[] = []
  let unknownTypes: string[] = []
  let rejected = 0
  const commit = async () => {
    const { accepted, known } = intake.keep({ events, unknownTypes, rejected })
    result.accepted += accepted
    result.known += known
    result.rejected += rejected
    events = []
    unknownTypes = []
    rejected = 0
    await breathe()
  }
  for (const { line, raw } of lines) {
    const read =
      "fault" in raw
        ? { problem: { field: null, text: raw.fault } }
        : nativeEvent(raw.value, context)
    if ("problem" in read) {
      rejected++
      if (result.problems.length < mostProblems) result.problems.push(told(line, read.problem))
    } else {
      events.push(read.event)
      if (read.unknownType !== null) unknownTypes.push(read.unknownType)
    }
    if (events.length + rejected >= batchSize) await commit()
  }
  if (events.length + rejected > 0) await commit()
  return result
}

function contextOf(
  sender: string,
  { common }: Intake,
  { settings, clock }: WebhookParts,
): ProducerContext {
  const sources = settings.senders.find(({ name }) => name === sender)?.sources ?? []
  return {
    common,
    sources: new Set(sources),
    now: clock(),
    mostAheadMs: settings["most-ahead"],
  }
}

function told(line: number, { field, text }: Problem): Taken["problems"][number] {
  return { line, field, why: text }
}

/**
 * POST /v1/pubsub/android-management: what Android Management publishes, pushed by Pub/Sub.
 *
 * In: pushed messages. Out: app events in the store, committed before the message is acknowledged.
 * What can never be read is acknowledged as well, and counted: else Pub/Sub would push it for days.
 */
import { setImmediate as breathe } from "node:timers/promises"
import { type Intake, NotKept, type Said } from "../intake.ts"
import { type Answer, type Route, refusal, unheard } from "../listener/route.ts"
import type { Turns } from "../turns.ts"
import { bearerCheck } from "./bearer.ts"
import { type Message, readEnvelope } from "./envelope.ts"
import type { PubSubSettings } from "./settings.ts"
import { usageEvents } from "./usage-logs.ts"

/** A message has 10 MB at most, a third more as base64. Read only of who has a token. */
const largestBody = 16 * 1024 * 1024
const batchSize = 1_000
/** Pub/Sub waits longer from push to push by itself. */
const retrySeconds = 10

export interface PubSubParts {
  settings: PubSubSettings
  intake: Intake
  turns: Turns
  clock: () => number
}

export function pubsubRoute(parts: PubSubParts): Route {
  const { settings, intake, turns, clock } = parts
  const bearer = bearerCheck(settings, clock)
  return {
    path: "/v1/pubsub/android-management",
    contentTypes: ["application/json"],
    largestBody,
    refused: () => intake.refused(),
    admit: async ({ authorization }) => {
      const found = await bearer(authorization)
      switch (found.is) {
        case "good":
          return null
        case "refused":
          return refusal(401, "the token does not fit")
        case "unable":
          intake.failing(`the issuer's keys cannot be had: ${found.reason}`)
          return refusal(503, "tokens cannot be checked now", { retryAfter: retrySeconds })
      }
    },
    answer: async ({ body, gone }) => {
      const message = readEnvelope(body)
      if (message === null) {
        intake.refused()
        return refusal(400, "this is no message as Pub/Sub wraps it; switch payload unwrapping off")
      }
      return turns.take(async () => (gone() ? unheard : taken(message, parts)))
    },
  }
}

async function taken(message: Message, parts: PubSubParts): Promise<Answer> {
  const { intake } = parts
  const { events, unknownTypes, rejected } = saidBy(message, parts)
  const kept = { accepted: 0, known: 0, rejected }
  try {
    let first = 0
    do {
      const { accepted, known } = intake.keep({
        events: events.slice(first, first + batchSize),
        // Counted with the first batch: what is pushed again is counted again.
        unknownTypes: first === 0 ? unknownTypes : [],
        rejected: first === 0 ? rejected : 0,
      })
      kept.accepted += accepted
      kept.known += known
      first += batchSize
      await breathe()
    } while (first < events.length)
    return { status: 200, body: kept }
  } catch (error) {
    if (!(error instanceof NotKept)) throw error
    return refusal(503, "the events cannot be stored now", { retryAfter: retrySeconds })
  }
}

/** Of other notifications only their type is kept: a device is told by the poller, which asks for it. */
function saidBy(message: Message, { settings, intake, clock }: PubSubParts): Said {
  const { notificationType, payload, id } = message
  if (notificationType === "USAGE_LOGS") {
    const said = usageEvents(payload, {
      common: intake.common,
      messageId: id,
      now: clock(),
      mostAheadMs: settings["most-ahead"],
    })
    return said ?? { events: [], unknownTypes: [], rejected: 1 }
  }
  const type = `amapi.notification.${notificationType.toLowerCase()}`
  return { events: [], unknownTypes: [type], rejected: 0 }
}

/** What Pub/Sub wraps a message in when it pushes it (payload unwrapping off). */
import { z } from "zod"

const Envelope = z.object({
  message: z.object({
    data: z.string().default(""),
    messageId: z.string().min(1).max(256),
    attributes: z.record(z.string(), z.string()).default({}),
  }),
})

export interface Message {
  id: string
  /** USAGE_LOGS, ENROLLMENT, STATUS_REPORT, COMMAND, test, ... */
  notificationType: string
  /** The message parsed; undefined where it is no JSON. */
  payload: unknown
}

/** Null where it is no envelope. */
export function readEnvelope(body: Buffer): Message | null {
  const envelope = Envelope.safeParse(parsed(body.toString()))
  if (!envelope.success) return null
  const { data, messageId, attributes } = envelope.data.message
  return {
    id: messageId,
    notificationType: attributes["notificationType"] ?? "unspecified",
    payload: parsed(Buffer.from(data, "base64").toString()),
  }
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}

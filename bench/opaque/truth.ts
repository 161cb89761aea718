/** What a session was, by what its two ends counted. The judge and its records have no part in it. */
import type { OpaqueVerdict } from "../../src/observe/opaque-session.ts"
import type { ClientSaw } from "./clients.ts"
import type { OriginSaw } from "./origins.ts"

export type Class = "used" | "sent-only" | "established-unused" | "failed"
export const classes: readonly Class[] = ["used", "sent-only", "established-unused", "failed"]

export interface Truth {
  class: Class
  strong: boolean
  /** Application bytes after the handshake, by the ends' own counts. */
  sent: number
  answered: number
}

/** As src/observe/opaque-session.ts promises it: bytes of payload each way. */
const strongUse = 200

/**
 * Null where neither end says enough. Established is what the origin finished; where it was cut off before it had
 * read the Finished, what the client finished. A certificate that the origin refuses is no session, whatever a client
 * of TLS 1.3 has sent by then.
 */
export function truthOf(client: ClientSaw | null, origin: OriginSaw | null): Truth | null {
  if (!client && !origin) return null
  if (!origin && client?.handshake === null) return null
  const established =
    origin?.handshake === true || (origin?.rejected !== true && client?.handshake === true)
  if (!established) return { class: "failed", strong: false, sent: 0, answered: 0 }
  const sent = Math.max(client?.sent ?? 0, origin?.got ?? 0)
  const answered = origin ? origin.after : (client?.got ?? 0)
  if (sent === 0) return { class: "established-unused", strong: false, sent, answered: 0 }
  return {
    class: answered > 0 ? "used" : "sent-only",
    strong: sent >= strongUse && answered >= strongUse,
    sent,
    answered,
  }
}

export function rightly(truth: Truth, said: Pick<OpaqueVerdict, "verdict" | "strong">): boolean {
  return truth.class === said.verdict && truth.strong === said.strong
}

/**
 * How a request is signed: HMAC-SHA256 (RFC 2104) over `TIMESTAMP.BODY`, the body as it is sent.
 *
 * There is no memory of signatures seen. A replay within the window is harmless, because an event is
 * known by its source and event_id, and a producer that got no answer must be able to repeat the very
 * same request. The window is needed all the same: after retention or erasure a recorded request would
 * bring back what was forgotten.
 */
import { createHmac, timingSafeEqual } from "node:crypto"

/** `v1=` and the digest in lower-case hexadecimal. */
export function signature(secret: string, timestamp: string, body: Uint8Array): string {
  return `v1=${digest(secret, timestamp, body).toString("hex")}`
}

/** In a time that does not depend on how much of it is right. */
export function isSignedBy(
  secret: string,
  timestamp: string,
  body: Uint8Array,
  given: string,
): boolean {
  const [, hex] = /^v1=([0-9a-fA-F]{64})$/.exec(given) ?? []
  const expected = digest(secret, timestamp, body)
  return timingSafeEqual(expected, Buffer.from(hex ?? "00".repeat(32), "hex")) && hex !== undefined
}

/** Unix time in seconds, as `X-Pinsensor-Timestamp` has it; null for anything else. */
export function timestampMs(text: string): number | null {
  return /^\d{1,12}$/.test(text) ? Number(text) * 1_000 : null
}

function digest(secret: string, timestamp: string, body: Uint8Array): Buffer {
  return createHmac("sha256", secret).update(`${timestamp}.`).update(body).digest()
}

/** The rules of others on the same traces, for comparison. */
import { type SessionTrace, wordsOf } from "../../test/observe/session-trace.ts"
import type { Class } from "./truth.ts"

const tls13 = 0x0304
const applicationData = 23

/**
 * IMC 2022 (NEU-SNS/app-tls-pinning, tls_hangup_detector.py): TLS 1.2 used by any application record of the client; TLS
 * 1.3 by more than two, or by two of which the second is not 19 bytes long. It asks what the client sent, not
 * whether it was answered.
 */
export function imc2022({ version, records }: SessionTrace): "used" | "not used" {
  const sent = wordsOf(records).filter(({ from, type }) => from === "c" && type === applicationData)
  if (version === null) return "not used"
  if (version < tls13) return sent.length > 0 ? "used" : "not used"
  return sent.length > 2 || (sent.length === 2 && sent[1]?.length !== 19) ? "used" : "not used"
}

/** Anybody's first thought: the client has sent application data, by the type of its records. */
export function anyClientRecord({ version, records }: SessionTrace): "used" | "not used" {
  const sent = wordsOf(records).some(({ from, type }) => from === "c" && type === applicationData)
  return version !== null && sent ? "used" : "not used"
}

/**
 * The rule of lengths alone: up to the record as long as a Finished all is handshake, alerts and KeyUpdates at the end
 * are none, an answer is any later record of the origin that is no alert. It knows of JSSE's padding, and neither of
 * session tickets nor of what else hides a Finished.
 */
export function lengthsOnly({ version, suite, records }: SessionTrace): Class {
  if (version === null) return "failed"
  const words = wordsOf(records)
  const hello = words.findIndex(({ mark }) => mark === "h")
  const later = words.slice(hello + 1).map((word, at) => ({ ...word, at }))
  if (version < tls13) {
    const ccs = later.find(({ from, type }) => from === "c" && type === 20)
    const done = later.find(
      ({ from, type, at }) => from === "c" && type === 22 && at > (ccs?.at ?? 1e9),
    )
    if (!done) return "failed"
    const data = later.filter(({ type }) => type === applicationData)
    const first = data.find(({ from }) => from === "c")
    if (!first) return "established-unused"
    return data.some(({ from, at }) => from === "s" && at > first.at) ? "used" : "sent-only"
  }
  const hash = suite === 0x1302 ? 48 : 32
  const mine = later.filter(({ from, type }) => from === "c" && type === applicationData)
  const finished = mine.findIndex(({ length }) => length === hash + 21 || length === hash + 37)
  if (finished < 0) return "failed"
  const padded = mine[finished]?.length === hash + 37
  const rest = mine.slice(finished + 1)
  const isTail = (length: number) => length === 19 || length === 22 || (padded && length === 35)
  while (rest.length > 0 && isTail(rest.at(-1)?.length ?? 0)) rest.pop()
  const first = rest[0]
  if (!first) return "established-unused"
  const answered = later.some(
    ({ from, type, length, at }) =>
      from === "s" && type === applicationData && at > first.at && length !== 19,
  )
  return answered ? "used" : "sent-only"
}

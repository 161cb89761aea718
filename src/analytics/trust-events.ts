/**
 * What mobile EDR told of an app's own trust logic (DC0021), sorted by what it is worth.
 *
 * A HostnameVerifier override alone is recorded, not counted: it is often accept-all, the opposite of
 * pinning. A static fact says that the version can pin, not that it did.
 */
import type { AppEvent } from "../record/app-event.ts"
import type { Interval } from "./bucket.ts"
import { hostOf } from "./destination.ts"
import { rank } from "./rank.ts"

export interface TrustEvidence {
  /** Runtime evaluation or pin comparison, each with the session that followed within the window. */
  preceding: { event: AppEvent; session: Interval }[]
  /** Runtime evaluations that no session of the key followed in time. */
  apart: AppEvent[]
  /** Recorded, not counted: hostname verifiers and kinds that are not known. */
  lesser: AppEvent[]
  /** Static pin facts of this very version. */
  statics: AppEvent[]
  /** A source that reports runtime trust events on this device also reports on this app. */
  watched: boolean
}

export interface TrustQuestion {
  appId: string
  appVersion: string | null
  destination: string
  /** In the order of time. */
  sessions: readonly Interval[]
  windowMs: number
}

export function trustEvidence(events: readonly AppEvent[], question: TrustQuestion): TrustEvidence {
  const found: TrustEvidence = { preceding: [], apart: [], lesser: [], statics: [], watched: false }
  const reporting = new Set<string>()
  const onApp = new Set<string>()
  const inOrder = [...events].sort((a, b) =>
    a.observed_at === b.observed_at
      ? a.id < b.id
        ? -1
        : 1
      : a.observed_at < b.observed_at
        ? -1
        : 1,
  )
  for (const event of inOrder) {
    if (event.trust?.evidence === "runtime") reporting.add(event.source)
    if (event.app.id !== question.appId) continue
    onApp.add(event.source)
    if (event.trust && isAboutKey(event, question)) sort(event, event.trust, question, found)
  }
  found.watched = [...onApp].some((source) => reporting.has(source))
  return found
}

function sort(
  event: AppEvent,
  trust: NonNullable<AppEvent["trust"]>,
  question: TrustQuestion,
  found: TrustEvidence,
): void {
  if (trust.evidence === "static") {
    const isPin = trust.kind !== "hostname_verifier_override" && trust.kind !== "unknown"
    const sameVersion = event.app.version !== null && event.app.version === question.appVersion
    if (isPin && sameVersion) found.statics.push(event)
    return
  }
  if (trust.kind !== "custom_trust_manager" && trust.kind !== "pin_comparison") {
    found.lesser.push(event)
    return
  }
  const at = Date.parse(event.observed_at)
  const session = question.sessions[rank(question.sessions, at - 1, (each) => each.start)]
  if (session && session.start - at <= question.windowMs) found.preceding.push({ event, session })
  else found.apart.push(event)
}

/** An event that names another version or another host is about something else. */
function isAboutKey(event: AppEvent, { appVersion, destination }: TrustQuestion): boolean {
  const { version } = event.app
  if (version !== null && appVersion !== null && version !== appVersion) return false
  const host = event.dest?.host ?? null
  return host === null || host.toLowerCase() === hostOf(destination)
}

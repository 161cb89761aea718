/**
 * What mobile EDR told of an app's own trust logic (DC0021), sorted by what it is worth.
 *
 * A HostnameVerifier override alone is recorded, not counted: it is often accept-all, the opposite of
 * pinning. A static fact says that the version can pin, not that it did.
 */
import type { AppEvent } from "../record/app-event.ts"
import type { AppStory } from "./app-story.ts"
import type { Interval } from "./bucket.ts"
import { hostOf } from "./destination.ts"
import { rank } from "./rank.ts"

export interface TrustEvidence {
  /** Sessions with the last runtime evaluation or pin comparison within the window before each. */
  preceding: { event: AppEvent; session: Interval }[]
  /** Runtime evaluations, where none preceded a session of the key in time. */
  apart: AppEvent[]
  /** Recorded, not counted: hostname verifiers and kinds that are not known. */
  lesser: AppEvent[]
  /** Static pin facts of this very version. */
  statics: AppEvent[]
  /** A source that reports runtime trust events on this device also reports on this app. */
  watched: boolean
}

export interface TrustQuestion {
  appVersion: string | null
  destination: string
  /** In the order of time. */
  sessions: readonly Interval[]
  windowMs: number
}

/** Of events that only describe the app the newest so many are looked at for each key. */
const NEWEST = 50

export function trustEvidence(story: AppStory, question: TrustQuestion): TrustEvidence {
  const { evaluations, lesser, statics, watched } = story
  const preceding = question.sessions.flatMap((session) => {
    const event = lastBefore(evaluations, session.start, question)
    return event ? [{ event, session }] : []
  })
  const newest = (told: readonly AppEvent[]) =>
    told.slice(-NEWEST).filter((event) => isAboutKey(event, question))
  return {
    preceding,
    apart: preceding.length > 0 ? [] : newest(evaluations.slice(-NEWEST).map(({ event }) => event)),
    lesser: newest(lesser),
    statics: newest(statics).filter(
      ({ app }) => app.version !== null && app.version === question.appVersion,
    ),
    watched,
  }
}

/** The last evaluation about the key, not after the session and within the window before it. */
function lastBefore(
  evaluations: AppStory["evaluations"],
  sessionStart: number,
  question: TrustQuestion,
): AppEvent | null {
  for (let index = rank(evaluations, sessionStart, ({ ms }) => ms) - 1; index >= 0; index -= 1) {
    const told = evaluations[index]
    if (!told || sessionStart - told.ms > question.windowMs) return null
    if (isAboutKey(told.event, question)) return told.event
  }
  return null
}

/** An event that names another version or another host is about something else. */
function isAboutKey(event: AppEvent, { appVersion, destination }: TrustQuestion): boolean {
  const { version } = event.app
  if (version !== null && appVersion !== null && version !== appVersion) return false
  const host = event.dest?.host ?? null
  return host === null || host.toLowerCase() === hostOf(destination)
}

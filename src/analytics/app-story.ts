/** The app events of one device, sorted once for each app that is asked about. */
import type { AppEvent } from "../record/app-event.ts"
import { type StateTimeline, stateTimeline } from "./state-at.ts"

export interface AppStory {
  stateAt: StateTimeline
  /** Of the app's trust logic, oldest first: evaluations at run time, */
  evaluations: readonly { ms: number; event: AppEvent }[]
  /** hostname verifiers and unknown kinds at run time, */
  lesser: readonly AppEvent[]
  /** and static facts that it pins. */
  statics: readonly AppEvent[]
  /** A source that reports runtime trust events on this device also reports on this app. */
  watched: boolean
}

/** A story for each app id; bounded by the apps in the device's evidence. */
export function appStories(events: readonly AppEvent[]): (appId: string | null) => AppStory {
  const inOrder = [...events].sort(byEventTime)
  const reporting = new Set(
    inOrder.filter(({ trust }) => trust?.evidence === "runtime").map(({ source }) => source),
  )
  const stories = new Map<string | null, AppStory>()
  return (appId) => {
    const known = stories.get(appId)
    if (known) return known
    const own = appId === null ? [] : inOrder.filter(({ app }) => app.id === appId)
    const runtime = own.filter(({ trust }) => trust?.evidence === "runtime")
    const story = {
      stateAt: stateTimeline(inOrder, appId),
      evaluations: runtime
        .filter(isEvaluation)
        .map((event) => ({ ms: Date.parse(event.observed_at), event })),
      lesser: runtime.filter((event) => !isEvaluation(event)),
      statics: own.filter(isStaticPin),
      watched: own.some(({ source }) => reporting.has(source)),
    }
    stories.set(appId, story)
    return story
  }
}

function isEvaluation({ trust }: AppEvent): boolean {
  return trust?.kind === "custom_trust_manager" || trust?.kind === "pin_comparison"
}

/** A static verifier override or an unknown kind is no fact of pinning. */
function isStaticPin({ trust }: AppEvent): boolean {
  if (trust?.evidence !== "static") return false
  return trust.kind !== "hostname_verifier_override" && trust.kind !== "unknown"
}

/** Event time, then id. Times are UTC with milliseconds, so text sorts as time. */
function byEventTime(a: AppEvent, b: AppEvent): number {
  if (a.observed_at !== b.observed_at) return a.observed_at < b.observed_at ? -1 : 1
  return a.id < b.id ? -1 : a.id > b.id ? 1 : 0
}

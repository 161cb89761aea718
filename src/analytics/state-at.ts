/**
 * What mobile EDR said of an app's state and the screen lock at a time. Each of the three is the last
 * one told, for as long as the caller lets it stand; unknown stays null.
 */
import type { AppEvent } from "../record/app-event.ts"
import { lastUpTo } from "./rank.ts"

export interface StateAt {
  background: boolean | null
  locked: boolean | null
  /** Only AN1725 looks at it. */
  recentInteraction: boolean | null
  /** The events that told it. */
  ids: string[]
}

interface Told {
  ms: number
  value: boolean
  id: string
}

export type StateTimeline = (ms: number, holdsMs: number) => StateAt

/** From events oldest first. The lock is the device's, whichever app's event told it; the rest is the
 * app's own. */
export function stateTimeline(events: readonly AppEvent[], appId: string | null): StateTimeline {
  const background: Told[] = []
  const locked: Told[] = []
  const interaction: Told[] = []
  for (const { state, app, id, observed_at } of events) {
    if (!state) continue
    const ms = Date.parse(observed_at)
    const own = appId !== null && app.id === appId
    if (own && state.app_state !== "unknown")
      background.push({ ms, value: state.app_state === "background", id })
    if (state.device_locked !== null) locked.push({ ms, value: state.device_locked, id })
    if ((own || app.id === null) && state.recent_user_interaction !== null)
      interaction.push({ ms, value: state.recent_user_interaction, id })
  }
  if (background.length + locked.length + interaction.length === 0) return () => untold
  return (ms, holdsMs) => {
    const at = [background, locked, interaction].map((told) => lastOf(told, ms, holdsMs))
    return {
      background: at[0]?.value ?? null,
      locked: at[1]?.value ?? null,
      recentInteraction: at[2]?.value ?? null,
      ids: at.flatMap((told) => (told ? [told.id] : [])),
    }
  }
}

/** Without mobile EDR, as with most devices, nothing is known of any session. */
const untold: StateAt = { background: null, locked: null, recentInteraction: null, ids: [] }

function lastOf(told: readonly Told[], ms: number, holdsMs: number): Told | null {
  const last = lastUpTo(told, ms, (each) => each.ms)
  return last && ms - last.ms <= holdsMs ? last : null
}

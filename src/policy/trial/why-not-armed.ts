/**
 * Why a key has no trial: a trial is a bypass that a client can bring about by refusing, so every
 * reason against one stands here, and arming asks the same functions as `pinsensor trials`.
 *
 * In: what a key shows, the trials there are, the caps. Out: the first reason in words, or null.
 */
import { canonicalHost } from "../../record/host-pattern.ts"
import type { ScopeJudgement } from "../../record/scope-judgement.ts"
import { isAddress } from "../connection-view.ts"
import type { ControlSettings } from "../settings.ts"
import {
  asksForControl,
  isLive,
  isRunning,
  type Trial,
  trialKeyOfEntry,
  trialKeyOfJudgement,
} from "./trial-key.ts"
import { enoughControls } from "./trial-move.ts"

/** What of a judgement is asked. */
export type Wish = Pick<
  ScopeJudgement,
  | "verdict"
  | "app_accepts"
  | "device"
  | "key"
  | "sni"
  | "upstream_verified"
  | "ceilings"
  | "control_strong"
  | "last_refusal_ms"
>

const hour = 3_600_000
export const day = 24 * hour

/** Only an attributed, unambiguous device; only a name that our own upstream leg verified; only
 * where control flows are what is missing. */
export function lacking(wish: Wish): string | null {
  const { verdict, device, key, sni, ceilings, control_strong } = wish
  if (!asksForControl(wish))
    return verdict === "refuses-here"
      ? "it is refuses-here, and no acceptance of our CA by its app is known for any other domain"
      : `it is ${verdict}: a trial is for what is suspected or probable`
  if (control_strong.length >= enoughControls && ceilings.length === 0)
    return "it has enough control flows; a refusal after them is what it lacks"
  if (device !== "bound" || key.device_id.startsWith("address:"))
    return `its device is not told: the client's address is ${device === "bound" ? "absent" : device}`
  if (key.stack === null) return "its TLS stack is not known"
  if (sni === null || isAddress(sni)) return "its ClientHello named no host"
  // An SNI of `*.example.org` would be read as a pattern for all names below it.
  if (canonicalHost(sni) !== sni) return "the name in its ClientHello is no plain host name"
  if (!wish.upstream_verified) return "our own leg has not verified the origin for that name"
  if (ceilings.length > 0) return ceilings.join(" ")
  return null
}

/** `rounds`: the earlier trials of the key. `again`: its round has just ended with a refusal that
 * asks for another. */
export function inTheWay(
  { last_refusal_ms }: Wish,
  rounds: readonly Trial[],
  again: boolean,
  settings: ControlSettings,
  now: number,
): string | null {
  const today = rounds.filter(({ created_at }) => Date.parse(created_at) > now - day).length
  for (const round of rounds) {
    const { state, since } = round.trial
    if (isRunning(round)) return `it has a trial: ${state}`
    if (again && state === "cooling") continue
    if (isLive(round, now)) return `${state} until ${round.expires_at}`
    // Only what came after the last round is a reason for another.
    if ((last_refusal_ms ?? 0) <= Date.parse(since))
      return "it has not refused since its last trial"
  }
  return today >= settings["per-key-a-day"]
    ? `it had ${today} trials within a day (per-key-a-day)`
    : null
}

/** How many trials the fleet had this hour, each device this hour and this day. A trial whose time
 * lies ahead (the clock was set back) counts too. */
export class TrialCounts {
  fleet = 0
  readonly #hour = new Map<string | null, number>()
  readonly #day = new Map<string | null, number>()

  constructor(trials: readonly Trial[], now: number) {
    for (const { created_at, scope } of trials) {
      const at = Date.parse(created_at)
      if (at > now - day) add(this.#day, scope.device_id)
      if (at <= now - hour) continue
      add(this.#hour, scope.device_id)
      this.fleet += 1
    }
  }

  /** One more is armed. */
  count(device: string): void {
    this.fleet += 1
    add(this.#hour, device)
    add(this.#day, device)
  }

  thisHour(device: string): number {
    return this.#hour.get(device) ?? 0
  }

  /** Why neither the fleet nor the device may have one more. */
  full(device: string, settings: ControlSettings): string | null {
    if (this.fleet >= settings["fleet-an-hour"])
      return `the fleet had ${this.fleet} trials within an hour (fleet-an-hour)`
    const today = this.#day.get(device) ?? 0
    return today >= settings["per-device-a-day"]
      ? `its device had ${today} trials within a day (per-device-a-day)`
      : null
  }
}

export interface Waiting {
  /** All trials of the register, as arming sees them. */
  trials: readonly Trial[]
  settings: ControlSettings
  /** Of the device's group. */
  mode: ControlSettings["mode"]
  fault: boolean
  /** Something learned splices it already. */
  covered: boolean
  now: number
}

/** Null: nothing stands in its way; it is armed when it is judged the next time. */
export function whyNotArmed(wish: Wish, waiting: Waiting): string | null {
  const { trials, settings, mode, fault, covered, now } = waiting
  if (mode === "off") return "control is off for its device"
  if (fault) return "the sensor itself is at fault: nothing is armed while that lasts"
  if (covered) return "it is spliced by a learned entry"
  const key = trialKeyOfJudgement(wish)
  const rounds = trials.filter((trial) => trialKeyOfEntry(trial) === key)
  return (
    lacking(wish) ??
    inTheWay(wish, rounds, false, settings, now) ??
    new TrialCounts(trials, now).full(wish.key.device_id, settings)
  )
}

function add(counts: Map<string | null, number>, device: string | null): void {
  counts.set(device, (counts.get(device) ?? 0) + 1)
}

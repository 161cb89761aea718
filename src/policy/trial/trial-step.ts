/**
 * What one step of control takes and gives: the register as it stands, what was judged, and how
 * much went through. It must not know who asks the store.
 */
import type { RegisterEntry } from "../../record/register-entry.ts"
import type { ScopeJudgement } from "../../record/scope-judgement.ts"
import { type ControlSettings, controlOf, type GroupChoice } from "../settings.ts"

/** Where new entries come from. `newId` gives the same id for the same key, so that two starts of
 * the correlator over one store make one trial. `now` is in epoch milliseconds. */
export interface Origin {
  common: { tenant: string; site: string; sensor_id: string }
  now: number
  newId: (key: string) => string
}

/** What went through an entry so far, summed up over all workers. */
export interface Use {
  /** Connections that began. */
  hits: number
  /** Both directions, of connections that ended. */
  bytes: number
  /** Epoch milliseconds of the earliest; null while there was none. */
  first_ms: number | null
}

/** The device as inventory knows it now. */
export interface KnownDevice {
  groups: readonly string[]
  user: string | null
}

export interface TrialStep extends Origin {
  settings: ControlSettings
  /** Every trial that runs or has not expired, and those of the last day, which the caps count.
   * Older ones of a key only make its next cool-down longer. */
  trials: readonly RegisterEntry[]
  /** What was learned or is proposed, and what of it ended within `hold-for`. */
  learned: readonly RegisterEntry[]
  /** Where one of a key (device, stack, SNI) changed, all of that key; all there are is right too. */
  judgements: readonly ScopeJudgement[]
  /** Null: nothing, or it is not known. */
  useOf: (entryId: string) => Use | null
  /** The device that was seen last under an entry, as far as anybody remembers. */
  lastUser: (entryId: string) => string | null
  /** Whether it was a person who ended the entry, by removing or rejecting it. */
  endedByHand: (entryId: string) => boolean
  /** One that inventory does not know is in no group. */
  deviceOf: (deviceId: string) => KnownDevice
  /** How many devices inventory has in a group. */
  groupSize: (group: string) => number
  /** The sensor itself is at fault: refusals say nothing, so nothing is opened. */
  fault: boolean
  /** Look at what was learned for what time and changed settings do to it: once a second is enough,
   * for there may be many thousands. */
  everyEntry: boolean
}

/** An entry that is new or changed, and why, for the log and the audit. */
export interface RegisterWrite {
  entry: RegisterEntry
  note: string
  act: "changed" | "renewed"
}

/** So a change is written down. */
export function change(
  entry: RegisterEntry,
  note: string,
  act: RegisterWrite["act"] = "changed",
): RegisterWrite {
  return { entry, note, act }
}

/** At most so many evidence ids are kept in an entry, the latest. */
export const keptEvidence = 50

/** No connection has used it yet. */
export const unused = { hits: 0, bytes: 0, last_hit_at: null } as const

/** What control does with one device. */
export function choiceFor(
  deviceId: string | null,
  { settings, deviceOf }: Pick<TrialStep, "settings" | "deviceOf">,
): GroupChoice {
  return controlOf(settings, deviceId === null ? [] : deviceOf(deviceId).groups)
}

/** Whether what is confirmed is spliced without asking a person: the operator said so for all, or
 * for the group. A group that blocks is never spliced. */
export function splicesConfirmed({ mode, hold, accept }: GroupChoice): boolean {
  if (mode === "off" || hold === "block") return false
  return hold === "splice" || (mode === "learn" && accept)
}

export function iso(ms: number): string {
  return new Date(ms).toISOString()
}

/**
 * Epochs: evidence is only compared within one (device, issuing CA, sensor configuration), and only
 * under one quality of the device's binding. The app's version is part of the actor (actor.ts).
 */
import type { DeviceAttribution } from "../record/finding.ts"
import { lastUpTo } from "./rank.ts"

export interface Epoch {
  issuing_ca: string | null
  sensor_config: string
}

interface Dated {
  start: number
  id: string
  fact: Epoch
}

/** One string for an epoch. The separator is in neither part: a fingerprint is hex. */
export function epochKey(epoch: Epoch): string {
  return `${epoch.issuing_ca ?? ""}|${epoch.sensor_config}`
}

/** The cut that evidence falls into: its epoch, and how the address was bound to the device. */
export function cutKey(epoch: Epoch, device: DeviceAttribution): string {
  return `${device}|${epochKey(epoch)}`
}

/**
 * Which epoch was in force at a time. Imported flows carry no issuing CA: they belong to the epoch of
 * the last inspected or spliced connection of the device before them, else of the first after them.
 * `inOrder` is sorted by time. Without any connection of ours a flow keeps what it carries.
 */
export function epochs(inOrder: readonly Dated[]): (of: Dated) => Epoch {
  const told = inOrder.filter((each) => each.fact.issuing_ca !== null)
  return (of) => {
    if (of.fact.issuing_ca !== null) return of.fact
    const before = lastUpTo(told, of.start, (each) => each.start)
    return (before ?? told[0] ?? of).fact
  }
}

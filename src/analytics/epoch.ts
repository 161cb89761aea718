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

/**
 * Names the cuts that evidence falls into: its epoch, and how the address was bound to the device.
 * The names are short and mean something within one judgement only; thousands are compared.
 */
export function cutNames(): (epoch: Epoch, device: DeviceAttribution) => string {
  const numbers = new Map<string, number>()
  let last: Epoch | null = null
  let number = 0
  return (epoch, device) => {
    const same = last?.issuing_ca === epoch.issuing_ca && last.sensor_config === epoch.sensor_config
    if (!same) {
      const key = epochKey(epoch)
      number = numbers.get(key) ?? numbers.size
      numbers.set(key, number)
      last = epoch
    }
    return `${device}|${number}`
  }
}

/** The cut of the same epoch in which the device was bound. */
export function asBound(cut: string): string {
  return `bound${cut.slice(cut.indexOf("|"))}`
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

/** The inspection CA is missing, comes, goes, or changes during the day. */
import { type Anchor, day, hour, minute, type Phone, type Trust } from "../world/model.ts"
import { type Confounder, takePhones } from "./confounder.ts"

export const noCa: Confounder = {
  name: "no-ca",
  usual: 0.08,
  spoil(world, rate, random) {
    for (const phone of takePhones("no-ca", world, rate, random))
      for (const steps of phone.trust.values())
        steps.splice(0, steps.length, { from: world.start, value: absent })
  },
}

/** Enrolled at midday of some day: refusals before, acceptances after. */
export const caInstalled: Confounder = {
  name: "ca-installed",
  usual: 0.05,
  spoil(world, rate, random) {
    for (const phone of takePhones("ca-installed", world, rate, random)) {
      const at =
        middayOf(world.start, random.int(0, days(world) - 1)) + random.between(-2, 2) * hour
      for (const steps of phone.trust.values()) {
        const value = trusted(steps[0]?.value, phone, world.issuer[0]?.value ?? "")
        steps.splice(0, steps.length, { from: world.start, value: absent }, { from: at, value })
      }
    }
  },
}

/** Taken away by the user or by a profile that lapsed; MDM tells of it with its next report. */
export const caRemoved: Confounder = {
  name: "ca-removed",
  usual: 0.05,
  spoil(world, rate, random) {
    for (const phone of takePhones("ca-removed", world, rate, random)) {
      const at =
        middayOf(world.start, random.int(0, days(world) - 1)) + random.between(-3, 3) * hour
      for (const steps of phone.trust.values()) steps.push({ from: at, value: absent })
    }
  },
}

/** A new CA is pushed at midday of the last day but one; phones get it within hours, the sensor uses
 * it at once. Of the whole fleet: the rate is the share of phones that had it in time. */
export const caRotated: Confounder = {
  name: "ca-rotated",
  usual: 0,
  spoil(world, rate, random) {
    const fresh = "f2".repeat(32)
    const at = middayOf(world.start, Math.max(0, days(world) - 2))
    world.issuer.push({ from: at, value: fresh })
    world.labels.push({ name: "ca-rotated", phone: null, app: null, host: null })
    for (const phone of world.phones) {
      const late = random.chance(rate) ? -random.between(0, 6) * hour : random.skewed(2 * hour, 3)
      for (const steps of phone.trust.values()) {
        const last = steps.at(-1)?.value
        if (!last || last.anchor === "absent") continue
        const issuers = [...last.issuers, fresh]
        steps.push({ from: at + late, value: { ...last, issuers } })
      }
    }
  },
}

/** Set back or ahead by hand, or by a drained battery, at some hour: leaves of ours are too young or
 * too old for it, those of origins are not. */
export const clockSkew: Confounder = {
  name: "clock-skew",
  usual: 0.04,
  spoil(world, rate, random) {
    for (const phone of takePhones("clock-skew", world, rate, random)) {
      const at =
        middayOf(world.start, random.int(0, days(world) - 1)) + random.between(-3, 3) * hour
      const offset = random.pick([
        -1.5 * day,
        -3 * day,
        -12 * day,
        11 * day,
        3 * minute,
        -4 * minute,
      ])
      phone.clockOffset.push({ from: at, value: offset })
      if (random.chance(0.5)) phone.clockOffset.push({ from: at + 5 * hour, value: 0 })
    }
  },
}

const absent: Trust = { anchor: "absent", issuers: [] }

function trusted(before: Trust | undefined, { platform }: Phone, issuer: string): Trust {
  const usual: Anchor = platform === "ios" ? "mdm-trusted" : "user-store"
  const anchor = before && before.anchor !== "absent" ? before.anchor : usual
  return { anchor, issuers: [issuer] }
}

export function middayOf(start: number, number: number): number {
  return start + number * day + 12 * hour
}

export function days({ start, end }: { start: number; end: number }): number {
  return Math.max(1, Math.round((end - start) / day))
}

/** Whose connection it was is told wrongly, late, or not at all. */
import { hour } from "../world/model.ts"
import { type Confounder, takePhones } from "./confounder.ts"
import { days, middayOf } from "./trust.ts"

/** A phone that nobody enrolled goes out through another's address: a hotspot, a travel router. Both are
 * alike; the one behind has no CA and no agent. */
export const nat: Confounder = {
  name: "nat",
  usual: 0.06,
  spoil(world, rate, random) {
    const guests = takePhones("nat", world, rate, random)
    for (const guest of guests) {
      const hosts = world.phones.filter(
        (phone) => phone.platform === guest.platform && !guests.includes(phone),
      )
      if (hosts.length === 0) continue
      const host = random.pick(hosts)
      guest.addresses = host.addresses.map(({ from, value }) => ({
        from,
        value: { ip: value.ip, told: "never" as const },
      }))
      guest.path = host.path
      guest.mdm = null
      guest.edr = { ...guest.edr, connects: false, trust: false, states: false }
      for (const steps of guest.trust.values())
        steps.splice(0, steps.length, {
          from: world.start,
          value: { anchor: "absent", issuers: [] },
        })
      world.labels.push({ name: "nat", phone: host.id, app: null, host: null })
    }
  },
}

/** At midday an address goes to another phone, and the lease server tells of it hours late, or never. */
export const leaseReuse: Confounder = {
  name: "lease-reuse",
  usual: 0.06,
  spoil(world, rate, random) {
    for (const phone of takePhones("lease-reuse", world, rate, random)) {
      const former = random.pick(world.phones.filter(({ id }) => id !== phone.id))
      const at = middayOf(world.start, random.int(0, days(world) - 1))
      const ip = former.addresses[0]?.value.ip ?? "10.99.0.1"
      const own = phone.addresses[0]?.value.ip ?? "10.99.0.2"
      const told = random.pick(["late", "never"] as const)
      phone.addresses.push({ from: at, value: { ip, told } })
      phone.addresses.sort((a, b) => a.from - b.from)
      // The former owner is gone at that time: it roams on an address that is told.
      former.addresses.push({
        from: at,
        value: { ip: `10.250.${own.split(".").slice(2).join(".")}`, told: "dhcp" },
      })
      former.addresses.sort((a, b) => a.from - b.from)
      world.labels.push({ name: "lease-reuse", phone: former.id, app: null, host: null })
    }
  },
}

/** Agents that upload every hour and a half. */
export const lateEdr: Confounder = {
  name: "late-edr",
  usual: 0.25,
  spoil(world, rate, random) {
    for (const phone of takePhones("late-edr", world, rate, random, ({ edr }) => edr.connects))
      phone.edr = { ...phone.edr, delay: "batches" }
  },
}

/** Agents that lose much of what they see. */
export const edrLoss: Confounder = {
  name: "edr-loss",
  usual: 0.15,
  spoil(world, rate, random) {
    for (const phone of takePhones("edr-loss", world, rate, random, ({ edr }) => edr.connects))
      phone.edr = { ...phone.edr, loss: random.between(0.3, 0.8) }
  },
}

/** Used some minutes a day, by two apps: nothing is known of what they trust. */
export const kiosks: Confounder = {
  name: "kiosk",
  usual: 0.04,
  spoil(world, rate, random) {
    for (const phone of takePhones("kiosk", world, rate, random)) {
      phone.apps = random.some(phone.apps, 2).map((installed) => ({
        ...installed,
        opensADay: 3,
        syncsADay: 24,
      }))
      phone.outages.push({ from: world.start, to: world.start + 6 * hour, kind: "portal" })
    }
  },
}

/** Addresses that change within a day, are told late or by hardware addresses, or are another tenant's, too. */
import { type Address, hour, type Phone } from "../world/model.ts"
import { type Confounder, takePhones } from "./confounder.ts"

/** Between access points and sites: another address every one to four hours, some of them told late. */
export const moving: Confounder = {
  name: "moving",
  usual: 0.1,
  spoil(world, rate, random) {
    for (const phone of takePhones("moving", world, rate, random)) {
      const number = Number(phone.id.split("-").at(-1))
      let count = 0
      for (let at = world.start + 7 * hour; at < world.end; at += random.between(1, 4) * hour) {
        const told = random.chance(0.15) ? "late" : "dhcp"
        const ip = `10.${140 + (count % 100)}.${Math.floor(number / 250)}.${1 + (number % 250)}`
        phone.addresses.push({ from: at, value: { ip, told } })
        count += 1
      }
      phone.addresses.sort((a, b) => a.from - b.from)
    }
  },
}

/** Leases are read from a file that comes hours later. */
export const lateLeases = told("late-lease", 0.1, "late")

/** Leases name hardware addresses. MDM hears of some of the phones in the course of the day only. */
export const macLeases: Confounder = {
  name: "mac-lease",
  usual: 0.15,
  spoil(world, rate, random) {
    for (const phone of takePhones("mac-lease", world, rate, random)) {
      retell(phone, "mac")
      if (random.chance(0.4)) phone.enrolledAfter = random.between(1, 12) * hour
    }
  },
}

/** Made up for this network: it names nobody. */
export const madeUpMacs = told("made-up-mac", 0.08, "made-up-mac")

/** Another tenant's phones, with the same addresses and apps, and a CA of their own sensor's that this one does
 * not use: they refuse all of it. */
export const tenants: Confounder = {
  name: "other-tenant",
  usual: 0.1,
  spoil(world, rate, random) {
    for (const phone of takePhones("other-tenant", world, rate, random)) {
      const twin: Phone = {
        ...phone,
        id: `globex-${phone.id}`,
        tenant: "globex",
        trust: new Map([
          ["device", [{ from: world.start, value: { anchor: "absent", issuers: [] } }]],
        ]),
        apps: phone.apps.map((installed) => ({ ...installed, profile: "device" })),
        addresses: [...phone.addresses],
        outages: [],
      }
      world.phones.push(twin)
      world.labels.push({ name: "other-tenant", phone: twin.id, app: null, host: null })
    }
  },
}

function told(name: string, usual: number, as: Address["told"]): Confounder {
  return {
    name,
    usual,
    spoil(world, rate, random) {
      for (const phone of takePhones(name, world, rate, random)) retell(phone, as)
    },
  }
}

function retell(phone: Phone, as: Address["told"]): void {
  phone.addresses = phone.addresses.map(({ from, value }) => ({
    from,
    value: value.told === "never" ? value : { ...value, told: as },
  }))
}

/** The way breaks: portals, roaming, lossy cells, and outages of one place. */

import type { Random } from "../random.ts"
import { hour, minute, type Span, type World } from "../world/model.ts"
import { type Confounder, takePhones, takeSome } from "./confounder.ts"
import { days, middayOf } from "./trust.ts"

export const captivePortal: Confounder = {
  name: "captive-portal",
  usual: 0.05,
  spoil(world, rate, random) {
    for (const phone of takePhones("captive-portal", world, rate, random))
      for (const span of spans(world, random, 3, [10, 60]))
        phone.outages.push({ ...span, kind: "portal" })
  },
}

/** Trains and cellars: most connections break, at any point. */
export const roaming: Confounder = {
  name: "roaming",
  usual: 0.12,
  spoil(world, rate, random) {
    for (const phone of takePhones("roaming", world, rate, random)) {
      phone.rttMs *= random.between(1, 4)
      for (const span of spans(world, random, 6, [3, 40]))
        phone.outages.push({ ...span, kind: "loss" })
    }
  },
}

/** A place breaks off behind the ServerHello for a while, again and again, for everybody: a trial that
 * begins when it is over looks like what a pin does. */
export const flappingPlace: Confounder = {
  name: "flapping-place",
  usual: 0.03,
  spoil(world, rate, random) {
    for (const place of takeSome(world.places, rate, random)) {
      world.labels.push({ name: "flapping-place", phone: null, app: null, host: place.host })
      for (let at = world.start; at < world.end; ) {
        const from = at + random.between(5, 40) * minute
        at = from + random.between(10, 90) * minute
        place.outages.push({ from, to: at, kills: "all" })
      }
    }
  },
}

/** Something on the client's side kills what shows our certificate, some hours a day, for one place. */
export const filteredPlace: Confounder = {
  name: "filtered-place",
  usual: 0.005,
  spoil(world, rate, random) {
    for (const place of takeSome(world.places, rate, random)) {
      world.labels.push({ name: "filtered-place", phone: null, app: null, host: place.host })
      for (const span of spans(world, random, 2, [120, 300]))
        place.outages.push({ ...span, kills: "inspected" })
    }
  },
}

/** So many a day, of so many minutes. */
function spans(world: World, random: Random, count: number, minutes: [number, number]): Span[] {
  return Array.from({ length: count * days(world) }, (_, i) => {
    const from = middayOf(world.start, i % days(world)) + random.between(-5, 9) * hour
    return { from, to: from + random.between(...minutes) * minute }
  })
}

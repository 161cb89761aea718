/** When apps are opened, when they sync, and what an opening contacts. */
import type { Random } from "../random.ts"
import { day, hour, type Installed, minute, type Phone, type Place } from "../world/model.ts"

/** Share of a day's use by hour, before it is made to sum up to one. */
const use = [1, 0, 0, 0, 0, 1, 3, 6, 8, 7, 6, 6, 8, 7, 6, 6, 7, 8, 8, 8, 8, 7, 5, 3]
const total = use.reduce((sum, one) => sum + one, 0)

export interface Opening {
  at: number
  installed: Installed
  background: boolean
}

/** The openings of a phone within a day that begins at `from`, in no order. */
export function openingsOf(phone: Phone, from: number, random: Random): Opening[] {
  return phone.apps.flatMap((installed) => {
    const opened = Array.from({ length: random.poisson(installed.opensADay) }, () => ({
      at: from + hourOfUse(random) * hour + random.between(0, hour),
      installed,
      background: false,
    }))
    const offset = random.between(0, day)
    const synced = Array.from({ length: installed.syncsADay }, (_, i) => ({
      at: from + ((offset + (i * day) / installed.syncsADay) % day) + random.between(0, 5 * minute),
      installed,
      background: true,
    }))
    return [...opened, ...synced].filter(({ at }) => at >= installed.since)
  })
}

function hourOfUse(random: Random): number {
  let left = random.next() * total
  return Math.max(
    0,
    use.findIndex((share) => {
      left -= share
      return left < 0
    }),
  )
}

export interface Contact {
  at: number
  place: Place
}

/** What one opening contacts: seconds to minutes apart, the app's own hosts first. */
export function contactsOf({ at, installed, background }: Opening, random: Random): Contact[] {
  const stay = background ? 20_000 : random.skewed(2 * minute, 2)
  return installed.app.hosts.flatMap(({ place, share, repeats }) => {
    if (!random.chance(background ? share * 0.6 : share)) return []
    const times = background ? 1 : random.int(1, repeats)
    return Array.from({ length: times }, (_, i) => ({
      at: at + (i === 0 ? random.between(50, 4_000) : random.between(4_000, stay + 4_000)),
      place,
    }))
  })
}

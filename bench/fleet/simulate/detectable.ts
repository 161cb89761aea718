/**
 * Which effects anybody could have shown, from what the world knows and not from the sensor's rules: the
 * client must trust us elsewhere and be seen to, be known, name its host, and come often enough.
 */
import { day, holdsAt, type Phone, type World } from "../world/model.ts"
import { type Case, isEffect } from "./case-book.ts"

/** Three refusals at least, a visit that can be a control, one that refuses after it. */
const visitsNeeded = 5
const domainsNeeded = 2

export function markDetectable(cases: readonly Case[], world: World): void {
  const phones = new Map(world.phones.map((phone) => [phone.id, phone]))
  const places = new Map(world.places.map((place) => [place.host, place]))
  for (const one of cases) {
    const phone = phones.get(one.device_id)
    if (!isEffect(one.truth) || !phone) continue
    const place = places.get(one.destination)
    one.why_not = whyNot(one, phone, cases, world)
    if (place?.echOuter) one.why_not ??= "the name is hidden"
    one.detectable = one.why_not === null
  }
}

function whyNot(one: Case, phone: Phone, cases: readonly Case[], world: World): string | null {
  if (one.when === "answer" || one.when === "preface") return "checked after it was used"
  if (one.refused === 0) return "never inspected"
  if (one.accepted > 0) return "accepts it at other times"
  if (one.visits.length < visitsNeeded)
    return phone.relayed ? "closed or reset behind a relay, or too seldom" : "came too seldom"
  if (!isWithinADay(one.visits)) return "came too seldom within a day"
  const app = phone.apps.find(({ app: { id } }) => id === one.app_id)
  if (app?.app.tactics.mutatesHello) return "no stack of its own"
  const known = one.visits.filter((at) => isKnown(phone, at))
  if (known.length < visitsNeeded || !isWithinADay(known)) return "its address is nobody's"
  const isTold = phone.edr.connects && one.profile !== "personal"
  if (phone.platform === "android" && !isTold) return "nobody tells the app"
  if (!isTold && cases.some((other) => isAcceptedBeside(other, one)))
    return "accepted beside it, and nobody tells by whom"
  if (!isTold && one.visits.some((at) => isShared(phone, at, world)))
    return "another behind its address, and nobody tells them apart"
  const domains = new Set(
    cases
      .filter((other) => other.device_id === one.device_id && other.accepted > 0)
      .filter((other) => other.stack === one.stack && other.profile === one.profile)
      .filter((other) => phone.platform === "ios" || isSameApp(other, one))
      .map(({ destination }) => destination.split(".").slice(-2).join("."))
      .filter((domain) => !one.destination.endsWith(domain)),
  )
  return domains.size < domainsNeeded ? "trusts us nowhere else" : null
}

/** Whoever looks at the evidence of a day sees them together. */
function isWithinADay(visits: readonly number[]): boolean {
  return visits.some((at, i) => {
    const last = visits[i + visitsNeeded - 1]
    return last !== undefined && last - at < day
  })
}

/** Whether a binding told then whose address it was: a trial is for a device. */
function isKnown(phone: Phone, at: number): boolean {
  const { told } = holdsAt(phone.addresses, at)
  return told === "dhcp" || told === "vpn" || told === "mac"
}

/** Whether somebody else has its address at that time. */
function isShared(phone: Phone, at: number, { phones }: World): boolean {
  const { ip } = holdsAt(phone.addresses, at)
  return phones.some(
    (other) =>
      other !== phone && other.tenant === phone.tenant && holdsAt(other.addresses, at).ip === ip,
  )
}

/** By another app, profile or version, through the same stack. */
function isAcceptedBeside(other: Case, one: Case): boolean {
  return (
    other !== one &&
    other.accepted > 0 &&
    other.device_id === one.device_id &&
    other.destination === one.destination &&
    other.stack === one.stack
  )
}

function isSameApp(other: Case, one: Case): boolean {
  return other.app_id === one.app_id && other.app_version === one.app_version
}

/**
 * A fleet as a judgement meets it: phones that talk to some forty places with one stack. Nine of ten never refuse;
 * of the tenth one app refuses one place, now and then. Five days, five hundred records a phone and day.
 */
import type { Store } from "../../src/evidence/store.ts"
import type { Attempt, Outcome } from "../../src/record/attempt.ts"
import { type PinnedDevice, pinnedDevice } from "../../test/support/pinned-device.ts"
import { attempt, dayStart } from "../../test/support/records.ts"

export const whose = { tenant: "acme", site: "hq" }
export const day = 86_400_000
const perDay = 500
const days = 5
const places = 40
/** Rows in one transaction. */
const batch = 5_000

export interface Phone {
  name: string
  address: string
  refuses: boolean
}

export function phones(records: number): Phone[] {
  const count = Math.max(40, Math.round(records / (perDay * days)))
  return Array.from({ length: count }, (_, index) => ({
    name: `phone${index}`,
    address: addressOf(index),
    refuses: index % 10 === 0,
  }))
}

export function addressOf(index: number): string {
  return `10.${1 + (index >> 16)}.${(index >> 8) & 255}.${index & 255}`
}

/** Who they are: device, posture, app and lease, as of the beginning. */
export function enrol(store: Store, all: readonly Phone[], now: number): void {
  const from = new Date(now - 2 * days * day).toISOString()
  for (let at = 0; at < all.length; at += batch) {
    const some = all.slice(at, at + batch).map(({ name, address }) => {
      const given = pinnedDevice(name, address, now, whose)
      return { ...given, bindings: given.bindings.map((one) => ({ ...one, valid_from: from })) }
    })
    give(store, {
      devices: some.flatMap(({ devices }) => devices),
      postures: some.flatMap(({ postures }) => postures),
      bindings: some.flatMap(({ bindings }) => bindings),
    })
  }
}

export function give(store: Store, given: Partial<PinnedDevice>): void {
  store.append("devices", given.devices ?? [])
  store.append("postures", given.postures ?? [])
  store.append("apps", given.apps ?? [])
  store.append("bindings", given.bindings ?? [])
  store.append("attempts", given.attempts ?? [])
  store.append("flows", given.flows ?? [])
}

/** The past, oldest first; says how far it is. */
export function fill(
  store: Store,
  all: readonly Phone[],
  records: number,
  now: number,
  told: (share: number) => void,
): void {
  const begin = now - days * day
  for (let at = 0; at < records; at += batch) {
    const some = Array.from({ length: Math.min(batch, records - at) }, (_, index) =>
      seen(all, at + index, begin + ((at + index) / records) * days * day, "old"),
    )
    store.append("attempts", some)
    told((at + some.length) / records)
  }
}

/** The record with this number: each phone in its turn. */
export function seen(all: readonly Phone[], number: number, at: number, name: string): Attempt {
  const phone = all[number % all.length] as Phone
  const turn = Math.floor(number / all.length)
  const refuses = phone.refuses && turn % 10 === 9
  const sni = refuses ? `api.${phone.name}.example` : `www.place${turn % places}.example`
  const outcome: Outcome = refuses ? "refused-alert" : turn % 20 === 19 ? "idle" : "accepted"
  return attempt(sni, Math.floor(at) - dayStart, outcome, {
    ...whose,
    id: `${name}-${number.toString(36).padStart(8, "0")}-0000-4000-8000-00000000`,
    client_ip: phone.address,
  })
}

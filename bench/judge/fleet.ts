/**
 * A fleet as a judgement meets it: phones that talk to some forty places with one stack. Nine of ten never refuse;
 * of the tenth one app refuses one place, now and then. Five hundred records a phone and day.
 */
import type { Store } from "../../src/evidence/store.ts"
import type { Attempt, Outcome } from "../../src/record/attempt.ts"
import { type PinnedDevice, pinnedDevice } from "../../test/support/pinned-device.ts"
import { attempt, dayStart } from "../../test/support/records.ts"

export const whose = { tenant: "acme", site: "hq" }
export const day = 86_400_000
/** Records of a phone. */
const perDay = 500
const places = 40
/** Rows in one transaction. */
const batch = 5_000

export interface Phone {
  name: string
  address: string
  refuses: boolean
}

export function phones(count: number): Phone[] {
  return Array.from({ length: count }, (_, index) => ({
    name: `phone${index}`,
    address: addressOf(index),
    refuses: index % 10 === 0,
  }))
}

export function addressOf(index: number): string {
  return `10.${1 + (index >> 16)}.${(index >> 8) & 255}.${index & 255}`
}

/** Who they are: device, posture, app and lease, for all times. */
export function enrol(store: Store, all: readonly Phone[], now: number): void {
  const from = new Date(now - 1_000 * day).toISOString()
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

/** Stores the past, oldest first, as many days as it takes; yields how far it is. */
export function* fill(
  store: Store,
  all: readonly Phone[],
  records: number,
  now: number,
): Generator<number> {
  const tookMs = (records / (all.length * perDay)) * day
  const begin = now - tookMs
  for (let at = 0; at < records; at += batch) {
    const some = Array.from({ length: Math.min(batch, records - at) }, (_, index) =>
      seen(all, at + index, begin + ((at + index) / records) * tookMs, "old"),
    )
    store.append("attempts", some)
    yield (at + some.length) / records
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

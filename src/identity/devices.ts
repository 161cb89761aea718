/**
 * Devices by any of their names, and what MDM said of them at a time.
 *
 * In: device and posture records of one tenant. Out: which device is meant, or why none can be
 * told. It must not guess: two names that point to two devices name none.
 */
import type { DeviceNames } from "../record/app-event.ts"
import type { Platform } from "../record/common.ts"
import type { Device } from "../record/device.ts"
import type { Posture } from "../record/posture.ts"
import { nameKey, nameKeys, type OwnName, ownNames } from "./name-keys.ts"
import { PostureHistory, type PosturesOf } from "./posture-history.ts"

export interface DeviceMatch {
  device_id: string | null
  because: string
}

export interface DeviceSettings {
  /** Whose devices: records of other tenants are passed over. */
  tenant: string
  /** How many devices are kept, about 2 KB each with their names; further ones are dropped. */
  limit?: number
}

export class DeviceIndex {
  readonly tenant: string
  /** Records of devices beyond the limit. */
  dropped = 0
  readonly postures: PostureHistory
  readonly #limit: number
  readonly #devices = new Map<string, Device>()
  /** Devices in each group. */
  readonly #groups = new Map<string, number>()
  /** A name of several devices keeps them all, until one of them gives it up. */
  readonly #byName: Record<OwnName | "user", Map<string, string | Set<string>>> = {
    mdm_id: new Map(),
    serial: new Map(),
    udid: new Map(),
    imei: new Map(),
    wifi_mac: new Map(),
    user: new Map(),
  }

  /** `postures`: all there are, or how those of one device are read. */
  constructor(
    devices: Iterable<Device>,
    postures: Iterable<Posture> | PosturesOf,
    settings: DeviceSettings,
  ) {
    this.tenant = settings.tenant
    this.#limit = settings.limit ?? 500_000
    for (const device of devices) this.add(device)
    this.postures = new PostureHistory(postures, settings.tenant)
  }

  /** Takes one more record of a device; only the latest of each device counts. Gives the names
   * (name-keys.ts) of which inventory may say something else now. */
  add(device: Device): string[] {
    if (device.tenant !== this.tenant) return []
    const known = this.#devices.get(device.device_id)
    if (!known && this.#devices.size >= this.#limit) this.dropped++
    else if (!known || isLater(device, known)) {
      if (known) this.#forgetNames(known)
      this.#count(known?.groups ?? [], -1)
      this.#devices.set(device.device_id, device)
      this.#learnNames(device)
      this.#count(device.groups, 1)
      return known ? [...nameKeys(known), ...nameKeys(device)] : nameKeys(device)
    }
    return []
  }

  /** The device as inventory knows it now; null for one that is only bound or named. */
  get(deviceId: string): Device | null {
    return this.#devices.get(deviceId) ?? null
  }

  platformOf(deviceId: string): Platform {
    return this.#devices.get(deviceId)?.platform ?? "unknown"
  }

  /** Its hardware address, in the form of name-keys.ts; null where none is known. */
  macOf(deviceId: string): string | null {
    const mac = this.#devices.get(deviceId)?.wifi_mac ?? null
    return mac === null ? null : nameKey("wifi_mac", mac)
  }

  /** How many devices are in a group now. */
  groupSize(group: string): number {
    return this.#groups.get(group) ?? 0
  }

  /** The one device of a user; null if the user has none or several. */
  ofUser(user: string): string | null {
    const known = this.#byName.user.get(nameKey("user", user) ?? "")
    return typeof known === "string" ? known : null
  }

  /**
   * The device that an app event names. Every name that inventory knows must point to the same one;
   * a name it does not know says nothing, but a serial or UDID that differs from the device's own
   * contradicts. The user is asked last, and `ip` never: an address names a device only in a realm,
   * which the producer of the event does not know.
   */
  find(names: DeviceNames): DeviceMatch {
    const hits = new Map<string, string>()
    const silent: string[] = []
    if (names.device_id) hits.set(names.device_id, "device_id")
    for (const name of ownNames) {
      const value = names[name]
      if (!value) continue
      const hit = this.#lookUp(name, value)
      if ("device_id" in hit) {
        if (!hits.has(hit.device_id)) hits.set(hit.device_id, name)
      } else silent.push(hit.because)
    }
    if (hits.size > 1) return none(`names of different devices: ${contradiction(hits)}`)
    const [hit] = hits
    if (!hit) return this.#findByUser(names, silent)
    const [deviceId, name] = hit
    const differs = this.#differing(deviceId, names, ["serial", "udid"])
    if (differs) return none(`${name} names ${deviceId}, whose ${differs} is another`)
    return { device_id: deviceId, because: `named by ${name}` }
  }

  #lookUp(name: OwnName, value: string): { device_id: string } | { because: string } {
    const key = nameKey(name, value)
    if (key === null) return { because: `${name} ${value} is randomised or malformed` }
    const known = this.#byName[name].get(key)
    if (known === undefined) return { because: `${name} ${value} is not in inventory` }
    if (typeof known !== "string") return { because: `${name} ${value} belongs to several devices` }
    return { device_id: known }
  }

  #findByUser(names: DeviceNames, silent: string[]): DeviceMatch {
    const { user } = names
    if (user) {
      const deviceId = this.ofUser(user)
      const differs = deviceId && this.#differing(deviceId, names, ["serial", "udid", "wifi_mac"])
      if (differs) return none(`user ${user} has ${deviceId}, whose ${differs} is another`)
      if (deviceId) return { device_id: deviceId, because: "named by user, who has one device" }
      silent.push(`user ${user} has no device or several`)
    }
    return none(silent.length > 0 ? silent.join("; ") : "the event names no device")
  }

  /** A made up MAC differs from none. */
  #differing(deviceId: string, names: DeviceNames, of: readonly OwnName[]): OwnName | null {
    const device = this.#devices.get(deviceId)
    for (const name of of) {
      const [own, given] = [device?.[name], names[name]]
      const [ownKey, givenKey] = [own && nameKey(name, own), given && nameKey(name, given)]
      if (ownKey && givenKey && ownKey !== givenKey) return name
    }
    return null
  }

  #count(groups: readonly string[], by: number): void {
    for (const group of new Set(groups)) {
      const size = this.groupSize(group) + by
      if (size > 0) this.#groups.set(group, size)
      else this.#groups.delete(group)
    }
  }

  #learnNames(device: Device): void {
    for (const [name, key] of namesOf(device)) {
      const known = this.#byName[name].get(key)
      if (known === undefined) this.#byName[name].set(key, device.device_id)
      else if (typeof known === "string")
        this.#byName[name].set(key, new Set([known, device.device_id]))
      else known.add(device.device_id)
    }
  }

  #forgetNames(device: Device): void {
    for (const [name, key] of namesOf(device)) {
      const known = this.#byName[name].get(key)
      if (typeof known !== "object") {
        this.#byName[name].delete(key)
        continue
      }
      known.delete(device.device_id)
      const [first] = known
      if (known.size === 1 && first !== undefined) this.#byName[name].set(key, first)
    }
  }
}

function namesOf(device: Device): [name: OwnName | "user", key: string][] {
  return [...ownNames, "user" as const].flatMap((name) => {
    const key = device[name] === null ? null : nameKey(name, device[name])
    return key === null ? [] : [[name, key]]
  })
}

function contradiction(hits: ReadonlyMap<string, string>): string {
  return [...hits].map(([deviceId, name]) => `${name} means ${deviceId}`).join(", ")
}

function isLater(one: Device, other: Device): boolean {
  if (one.observed_at !== other.observed_at) return one.observed_at > other.observed_at
  return one.id > other.id
}

function none(because: string): DeviceMatch {
  return { device_id: null, because }
}

/**
 * Everything that is known of who is who, in one piece. In: bindings, devices, postures and the app
 * register of one tenant. Out: the indexes of the join, and which devices stood behind an address.
 */
import type { App } from "../record/app.ts"
import type { Binding } from "../record/binding.ts"
import type { Device } from "../record/device.ts"
import type { Posture } from "../record/posture.ts"
import { canonicalAddress } from "./address-key.ts"
import { AppIndex } from "./apps.ts"
import { BindingIndex } from "./bindings.ts"
import { DeviceIndex } from "./devices.ts"
import type { PosturesOf } from "./posture-history.ts"
import type { JoinSettings } from "./settings.ts"

export interface InventoryRecords {
  tenant: string
  bindings: Iterable<Binding>
  devices: Iterable<Device>
  /** All there are, or how those of one device are read when they are asked for. */
  postures: Iterable<Posture> | PosturesOf
  apps: readonly App[]
}

export interface Inventory {
  bindings: BindingIndex
  devices: DeviceIndex
  apps: AppIndex
  appRegister: readonly App[]
  /** Devices to which an address was bound at any time, and the address by itself. */
  devicesBehind(address: string): readonly string[]
  /** When an address was bound to a device last; infinite where no single binding of it says so. */
  heldUntil(deviceId: string, address: string): number
  /** Addresses bound to a device within a span of time; prefixes say nothing of single addresses. */
  addressesOf(deviceId: string, from: number, to: number): readonly string[]
}

/** How a device is called of which only the address is known. */
export const unbound = "address:"

export function inventory(records: InventoryRecords, settings: JoinSettings): Inventory {
  const { tenant } = records
  const devices = new DeviceIndex(records.devices, records.postures, { tenant })
  const bindings = new BindingIndex(records.bindings, {
    tenant,
    clockToleranceMs: settings.clockToleranceMs,
    platformOf: (deviceId) => devices.platformOf(deviceId),
    deviceOf: (names) => devices.find({ ...names, device_id: null, ip: null }),
    macOf: (deviceId) => devices.macOf(deviceId),
  })
  return {
    bindings,
    devices,
    apps: new AppIndex(records.apps, { tenant }),
    appRegister: records.apps.filter((app) => app.tenant === tenant && !app.withdrawn),
    devicesBehind: (address) => [
      ...bindings.holders(address),
      `${unbound}${canonicalAddress(address)}`,
    ],
    heldUntil: (deviceId, address) =>
      bindings.heldUntil(deviceId, address) + settings.clockToleranceMs,
    addressesOf: (deviceId, from, to) =>
      bindings
        .ofDevice(deviceId, from, to)
        .filter(({ address }) => !address.includes("/"))
        .map(({ address }) => canonicalAddress(address)),
  }
}

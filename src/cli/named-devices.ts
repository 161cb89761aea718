/** The devices that some bindings mean by names, where the whole inventory is not at hand. */
import type { Store } from "../evidence/store.ts"
import type { BindingSettings } from "../identity/bindings.ts"
import { DeviceIndex } from "../identity/devices.ts"
import type { Binding } from "../record/binding.ts"

/** What an index of these bindings asks of inventory. */
export function namedDevices(
  store: Pick<Store, "devicesNamed" | "device">,
  tenant: string,
  bindings: readonly Binding[],
): Required<Pick<BindingSettings, "deviceOf" | "platformOf" | "macOf">> {
  // Whoever shares a name is among them, so that a name of two devices names neither.
  const named = bindings.flatMap(({ names }) => (names ? store.devicesNamed(tenant, names) : []))
  const ids = new Set(bindings.flatMap(({ device_id }) => device_id ?? []))
  const known = [...ids].flatMap((id) => store.device(tenant, id) ?? [])
  const devices = new DeviceIndex([...known, ...named], [], { tenant })
  return {
    deviceOf: (names) => devices.find({ ...names, device_id: null, ip: null }),
    platformOf: (deviceId) => devices.platformOf(deviceId),
    macOf: (deviceId) => devices.macOf(deviceId),
  }
}

/** What a device was ever called: by these names everything about it is found. */
import type { DeviceName } from "../../evidence/erasures.ts"
import type { Store } from "../../evidence/store.ts"
import { ownNames } from "../../identity/name-keys.ts"
import type { BindingNames } from "../../record/binding.ts"

export interface NamesOfDevice {
  deviceId: string
  /** The key first, then all that any record gave it and that no other device has. */
  names: DeviceName[]
  /** Users who have no other device: theirs alone goes with it. */
  users: string[]
}

/** A name that inventory gives to two devices is not this one's to erase. */
export function namesOfDevice(store: Store, tenant: string, deviceId: string): NamesOfDevice {
  const found = new Map<string, DeviceName>()
  const users = new Set<string>()
  for (const device of store.privacy.devicesEver(tenant, deviceId)) {
    for (const name of ownNames) {
      const value = device[name]
      if (value !== null && isAlone(store, tenant, deviceId, name, value))
        found.set(`${name} ${value}`, [name, value])
    }
    const { user } = device
    if (user !== null && isAlone(store, tenant, deviceId, "user", user)) users.add(user)
  }
  return { deviceId, names: [["device_id", deviceId], ...found.values()], users: [...users] }
}

const nobody: BindingNames = {
  wifi_mac: null,
  user: null,
  serial: null,
  udid: null,
  imei: null,
  mdm_id: null,
}

function isAlone(
  store: Store,
  tenant: string,
  deviceId: string,
  name: keyof BindingNames,
  value: string,
): boolean {
  const all = store.devicesNamed(tenant, { ...nobody, [name]: value })
  return all.every(({ device_id }) => device_id === deviceId)
}

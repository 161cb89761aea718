/** Names of devices, as they are compared: whatever names the same device has the same key. */
import { canonicalMac, isLocallyAdministered } from "./mac.ts"

/** Names that belong to one device each, surest first. */
export const ownNames = ["mdm_id", "serial", "udid", "imei", "wifi_mac"] as const
export type OwnName = (typeof ownNames)[number]

/** Identifiers are compared without regard to case; null for one that cannot name. */
export function nameKey(name: OwnName | "user", value: string): string | null {
  if (name !== "wifi_mac") return value.toLowerCase()
  const mac = canonicalMac(value)
  return mac === null || isLocallyAdministered(mac) ? null : mac
}

/** Every name that can name, with its sort before it. */
export function nameKeys(names: Record<OwnName | "user", string | null> | null): string[] {
  if (names === null) return []
  return [...ownNames, "user" as const].flatMap((name) => {
    const value = names[name]
    const key = value === null ? null : nameKey(name, value)
    return key === null ? [] : [`${name} ${key}`]
  })
}

/**
 * What a row of Intune's managedDevices says.
 *
 * In: a managedDevice of Microsoft Graph v1.0, and what was learned of the device beside it. Out: the
 * device, or why the row is refused. Graph writes an empty text where it does not know.
 */
import { z } from "zod"
import type { Platform } from "../../../record/common.ts"
import type { Ownership } from "../../../record/device.ts"
import type { InspectionCaTrust, InstalledApp } from "../../../record/posture.ts"
import type { DeviceSaid, RowRead } from "../connector.ts"
import { flag, idText, instant, rejection, text } from "../row-fields.ts"

/** What is asked for by $select: a page of whole devices is ten times as long. */
export const selected = [
  "id",
  "lastSyncDateTime",
  "operatingSystem",
  "osVersion",
  "model",
  "serialNumber",
  "udid",
  "imei",
  "wiFiMacAddress",
  "userPrincipalName",
  "emailAddress",
  "deviceCategoryDisplayName",
  "managementAgent",
  "managedDeviceOwnerType",
  "deviceEnrollmentType",
  "isSupervised",
  "complianceState",
  "jailBroken",
] as const

const ManagedDevice = z.object({
  id: idText,
  lastSyncDateTime: instant,
  operatingSystem: text,
  osVersion: text,
  model: text,
  serialNumber: text,
  udid: text,
  imei: text,
  wiFiMacAddress: text,
  userPrincipalName: text,
  emailAddress: text,
  deviceCategoryDisplayName: text,
  managementAgent: text,
  managedDeviceOwnerType: text,
  isSupervised: flag,
  complianceState: text,
  jailBroken: text,
})
type ManagedDevice = z.infer<typeof ManagedDevice>

export interface BesideRow {
  /** Whether a configured profile brought the inspection CA to it. */
  ca: (deviceId: string, platform: Platform) => InspectionCaTrust
  /** Those of the looked-up apps that it has; null where none are looked up. */
  apps: (deviceId: string) => InstalledApp[] | null
}

export function readManagedDevice(row: unknown, beside: BesideRow): RowRead {
  const parsed = ManagedDevice.safeParse(row)
  if (!parsed.success) return rejection(parsed.error)
  const device = parsed.data
  const platform = platformOf(device.operatingSystem)
  const category = device.deviceCategoryDisplayName
  const apps = beside.apps(device.id)
  const said: DeviceSaid = {
    mdm_id: device.id,
    synced_at: device.lastSyncDateTime,
    platform,
    os_version: device.osVersion,
    model: device.model,
    serial: placeholder(device.serialNumber),
    udid: device.udid,
    imei: placeholder(device.imei),
    wifi_mac: device.wiFiMacAddress,
    user: device.userPrincipalName ?? device.emailAddress,
    groups: category === null || /^(unknown|unassigned)$/i.test(category) ? [] : [category],
    ownership: ownershipOf(device),
    // Graph v1.0 has no address of a device.
    address: null,
    postures: [
      {
        profile: isWorkProfile(device) ? "work" : "device",
        managed: managedBy(device.managementAgent),
        supervised: device.isSupervised,
        compliant: compliance(device.complianceState),
        jailbroken: truth(device.jailBroken),
        inspection_ca: beside.ca(device.id, platform),
        apps,
        apps_partial: apps !== null,
      },
    ],
  }
  return { said }
}

/** `0`, `unknown` and the like stand for many devices, and would name none of them. */
function placeholder(name: string | null): string | null {
  return name === null || /^(0+|unknown|none|n\/a|not available)$/i.test(name) ? null : name
}

export function platformOf(operatingSystem: string | null): Platform {
  if (operatingSystem === null || /^unknown$/i.test(operatingSystem)) return "unknown"
  if (/^(ios|ipados)/i.test(operatingSystem)) return "ios"
  return /^android/i.test(operatingSystem) ? "android" : "other"
}

/** A person's own Android device has a work profile, of which alone Intune speaks. */
function isWorkProfile({ operatingSystem, managedDeviceOwnerType }: ManagedDevice): boolean {
  const system = operatingSystem ?? ""
  if (/^android ?for ?work$/i.test(system)) return true
  return /^android/i.test(system) && /^personal$/i.test(managedDeviceOwnerType ?? "")
}

/** A work profile of the old name is on a person's own device, whatever its owner type says. */
function ownershipOf(device: ManagedDevice): Ownership {
  if (isWorkProfile(device) || /^personal$/i.test(device.managedDeviceOwnerType ?? ""))
    return "personal"
  return /^company$/i.test(device.managedDeviceOwnerType ?? "") ? "company" : "unknown"
}

function managedBy(agent: string | null): boolean | null {
  switch (agent) {
    case null:
    case "unknown":
      return null
    // Exchange ActiveSync and Defender see a device, and manage nothing of it.
    case "eas":
    case "msSense":
      return false
    default:
      return true
  }
}

/** In its grace period a device breaks the policy already; nothing follows from it yet. */
function compliance(state: string | null): boolean | null {
  if (state === "compliant") return true
  return state === "noncompliant" || state === "inGracePeriod" ? false : null
}

function truth(text: string | null): boolean | null {
  if (/^true$/i.test(text ?? "")) return true
  return /^false$/i.test(text ?? "") ? false : null
}

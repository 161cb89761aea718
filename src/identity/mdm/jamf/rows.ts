/**
 * What a row of Jamf's mobile device inventory says.
 *
 * In: one of `results` of /api/v2/mobile-devices/detail. Out: the device, or why the row is refused. A
 * section that was not asked for, or that this client may not see, is null: not known.
 */
import { z } from "zod"
import type { Platform } from "../../../record/common.ts"
import type { Ownership } from "../../../record/device.ts"
import type { InspectionCaTrust, InstalledApp } from "../../../record/posture.ts"
import type { RowRead } from "../connector.ts"
import { trustOfInstalled } from "../inspection-ca.ts"
import { flag, idText, instant, mostListed, rejection, text } from "../row-fields.ts"

const general = z.object({
  udid: text,
  osVersion: text,
  lastInventoryUpdateDate: instant,
  managed: flag,
  supervised: flag,
  deviceOwnershipType: text,
  ipAddress: text,
})
const hardware = z.object({
  serialNumber: text,
  wifiMacAddress: text,
  model: text,
  modelIdentifier: text,
})
const application = z.object({
  identifier: text,
  name: text,
  version: text,
  shortVersion: text,
  managementStatus: text,
})
const profile = z.object({ identifier: text, uuid: text, displayName: text })
const listOf = <Item extends z.ZodType>(item: Item) => z.array(item).max(mostListed).nullish()

const JamfRow = z.object({
  mobileDeviceId: idText,
  deviceType: text,
  general: general.nullish(),
  hardware: hardware.nullish(),
  userAndLocation: z.object({ username: text, emailAddress: text }).nullish(),
  security: z.object({ jailbreakStatus: text, jailBreakDetected: flag }).nullish(),
  network: z.object({ imei: text }).nullish(),
  applications: listOf(application),
  profiles: listOf(profile),
  groups: listOf(z.object({ groupName: text, name: text })),
})
type JamfRow = z.infer<typeof JamfRow>

/** `caProfiles`: names of the profiles that carry the inspection CA; null where none was configured. */
export function readJamfRow(row: unknown, caProfiles: ReadonlySet<string> | null): RowRead {
  const parsed = JamfRow.safeParse(row)
  if (!parsed.success) return rejection(parsed.error)
  const { general, hardware, userAndLocation, network, groups, ...rest } = parsed.data
  const platform = platformOf(rest.deviceType)
  return {
    said: {
      mdm_id: rest.mobileDeviceId,
      synced_at: general?.lastInventoryUpdateDate ?? null,
      platform,
      os_version: general?.osVersion ?? null,
      model: hardware?.modelIdentifier ?? hardware?.model ?? null,
      serial: hardware?.serialNumber ?? null,
      udid: general?.udid ?? null,
      imei: network?.imei?.replaceAll(" ", "") ?? null,
      wifi_mac: hardware?.wifiMacAddress ?? null,
      user: userAndLocation?.username ?? userAndLocation?.emailAddress ?? null,
      groups: (groups ?? []).flatMap((group) => group.groupName ?? group.name ?? []),
      ownership: ownershipOf(general?.deviceOwnershipType ?? null),
      address: general?.ipAddress ?? null,
      postures: [
        {
          profile: "device",
          managed: general?.managed ?? null,
          supervised: general?.supervised ?? null,
          // Jamf has no such state; smart groups stand for it, and only their operator knows which.
          compliant: null,
          jailbroken: jailbroken(rest.security),
          inspection_ca: caTrust(rest.profiles, caProfiles, platform),
          apps: rest.applications?.flatMap(installed) ?? null,
          apps_partial: isPersonal(general?.deviceOwnershipType ?? null),
        },
      ],
    },
  }
}

/** `Institutional`; `UserEnrollment`, `AccountDrivenUserEnrollment`, `PersonalDeviceProfile`: there
 * the MDM sees the managed apps only. */
function isPersonal(ownership: string | null): boolean {
  return ownership !== null && /user ?enrollment|personal/i.test(ownership)
}

function ownershipOf(said: string | null): Ownership {
  if (isPersonal(said)) return "personal"
  return said !== null && /^institutional$/i.test(said) ? "company" : "unknown"
}

function platformOf(deviceType: string | null): Platform {
  if (deviceType === null) return "unknown"
  if (/^(ios|ipados)$/i.test(deviceType)) return "ios"
  return /^android/i.test(deviceType) ? "android" : "other"
}

function jailbroken(security: JamfRow["security"]): boolean | null {
  const status = security?.jailbreakStatus ?? ""
  if (/^(jail ?broken|detected|true|yes)$/i.test(status)) return true
  if (/^(normal|not ?(jail ?broken|detected)|false|no|none)$/i.test(status)) return false
  return security?.jailBreakDetected ?? null
}

/** An app without an id cannot be named. */
function installed(app: z.infer<typeof application>): InstalledApp[] {
  const { identifier, name, version, shortVersion, managementStatus } = app
  if (identifier === null) return []
  const managed = managementStatus === null ? null : managedBy(managementStatus)
  return [
    { app_id: identifier, name, version: shortVersion ?? version, signer_sha256: null, managed },
  ]
}

function managedBy(status: string): boolean | null {
  if (/^unmanaged/i.test(status)) return false
  return /^managed/i.test(status) ? true : null
}

/** No such profile is `absent` only where Jamf told of profiles at all. */
function caTrust(
  profiles: JamfRow["profiles"],
  wanted: ReadonlySet<string> | null,
  platform: Platform,
): InspectionCaTrust {
  if (wanted === null || !profiles) return "unknown"
  const there = profiles.some(({ identifier, uuid, displayName }) =>
    [identifier, uuid, displayName].some((name) => name !== null && wanted.has(name)),
  )
  return there ? trustOfInstalled(platform) : "absent"
}

/**
 * What a device of the Android Management API says.
 *
 * In: a row of enterprises.devices.list and what the policies say. Out: the device and the posture of
 * the one profile that is managed. The other profile of a personal device is the user's own: nothing
 * is said of it.
 */
import { z } from "zod"
import type { Ownership } from "../../../record/device.ts"
import type { InstalledApp } from "../../../record/posture.ts"
import type { DeviceSaid, PostureSaid, RowRead } from "../connector.ts"
import { flag, instant, mostListed, rejection, text } from "../row-fields.ts"
import type { AppliedPolicy } from "./policies.ts"

const ApplicationReport = z.object({
  packageName: text,
  displayName: text,
  versionName: text,
  state: text,
  signingKeyCertFingerprints: z.array(z.string().max(200)).max(50).nullish(),
})

/** What is asked for of a device; `fields` of the request follows from it. */
const DeviceRow = z.object({
  name: z.string().regex(/^enterprises\/[^/]{1,64}\/devices\/[A-Za-z0-9_-]{1,100}$/),
  managementMode: text,
  ownership: text,
  state: text,
  appliedState: text,
  appliedPolicyName: text,
  appliedPolicyVersion: z.union([z.string().max(30), z.int()]).nullish(),
  policyCompliant: flag,
  nonComplianceDetails: z
    .array(z.object({ settingName: text }))
    .max(mostListed)
    .nullish(),
  lastStatusReportTime: instant,
  user: z.object({ accountIdentifier: text }).nullish(),
  hardwareInfo: z.object({ model: text, serialNumber: text, enterpriseSpecificId: text }).nullish(),
  softwareInfo: z.object({ androidVersion: text }).nullish(),
  networkInfo: z.object({ imei: text, wifiMacAddress: text }).nullish(),
  securityPosture: z
    .object({
      devicePosture: text,
      postureDetails: z
        .array(z.object({ securityRisk: text }))
        .max(100)
        .nullish(),
    })
    .nullish(),
  applicationReports: z.array(ApplicationReport).max(mostListed).nullish(),
})
type DeviceRow = z.infer<typeof DeviceRow>

const reported = [
  "packageName",
  "displayName",
  "versionName",
  "state",
  "signingKeyCertFingerprints",
]

/** The partial response that is asked for: no samples of batteries, no serial numbers of displays. */
export const deviceFields = [
  ...Object.keys(DeviceRow.shape).filter((name) => name !== "applicationReports"),
  `applicationReports(${reported.join(",")})`,
].join(",")

/** `policy`: what is known of the policy with this name and version. */
export type PolicyOf = (name: string | null, version: string | null) => AppliedPolicy

export function readDeviceRow(row: unknown, policyOf: PolicyOf): RowRead {
  const read = DeviceRow.safeParse(row)
  if (!read.success) return rejection(read.error)
  const device = read.data
  const { hardwareInfo, networkInfo } = device
  const enrolment = hardwareInfo?.enterpriseSpecificId ?? null
  const said: DeviceSaid = {
    mdm_id: device.name.slice(device.name.lastIndexOf("/") + 1),
    synced_at: device.lastStatusReportTime,
    platform: "android",
    os_version: device.softwareInfo?.androidVersion ?? null,
    model: hardwareInfo?.model ?? null,
    // Of personal devices from Android 12 on the API gives the enrolment's id in place of the serial.
    serial: hardwareInfo?.serialNumber === enrolment ? null : (hardwareInfo?.serialNumber ?? null),
    udid: enrolment,
    imei: networkInfo?.imei ?? null,
    wifi_mac: networkInfo?.wifiMacAddress ?? null,
    user: device.user?.accountIdentifier ?? null,
    groups: device.appliedPolicyName === null ? [] : [lastOf(device.appliedPolicyName)],
    ownership: ownershipOf(device.ownership),
    postures: [postureOf(device, policyOf)],
    address: null,
  }
  return { said }
}

/** When a row was told, without reading all of it. */
export function reportedAt(row: unknown): number | null {
  const read = z.object({ lastStatusReportTime: instant }).safeParse(row)
  return read.success ? read.data.lastStatusReportTime : null
}

/** The policy that a row says is applied. */
export function policyNameOf(row: unknown): string | null {
  const read = z.object({ appliedPolicyName: text }).safeParse(row)
  return read.success ? read.data.appliedPolicyName : null
}

function ownershipOf(said: string | null): Ownership {
  if (said === "PERSONALLY_OWNED") return "personal"
  return said === "COMPANY_OWNED" ? "company" : "unknown"
}

function postureOf(device: DeviceRow, policyOf: PolicyOf): PostureSaid {
  const version = device.appliedPolicyVersion ?? null
  const policy = policyOf(device.appliedPolicyName, version === null ? null : String(version))
  return {
    // A controller that owns a profile manages that one alone, on personal and on company devices.
    profile: device.managementMode === "PROFILE_OWNER" ? "work" : "device",
    managed: managed(device),
    // Android knows no supervision; a fully managed device is `device` and managed.
    supervised: null,
    compliant: device.policyCompliant,
    jailbroken: jailbroken(device),
    inspection_ca: certificatesRefused(device) ? "unknown" : policy.inspection_ca,
    apps: device.applicationReports ? apps(device.applicationReports, policy) : null,
    apps_partial: false,
  }
}

function managed({ managementMode, state, appliedState }: DeviceRow): boolean | null {
  if (state === "DELETED" || appliedState === "DELETED") return false
  if (appliedState === "PROVISIONING") return null
  return managementMode === "DEVICE_OWNER" || managementMode === "PROFILE_OWNER" ? true : null
}

/** Rooted or otherwise changed below the apps. A posture that could not be evaluated is not known. */
function jailbroken({ securityPosture }: DeviceRow): boolean | null {
  const risks = securityPosture?.postureDetails ?? []
  if (risks.some(({ securityRisk }) => securityRisk === "COMPROMISED_OS")) return true
  return securityPosture?.devicePosture === "SECURE" ? false : null
}

/** The device says that it did not take the part of the policy that certificates are in. */
function certificatesRefused({ nonComplianceDetails }: DeviceRow): boolean {
  return (nonComplianceDetails ?? []).some(
    ({ settingName }) => settingName === "openNetworkConfiguration",
  )
}

function apps(
  reports: readonly z.infer<typeof ApplicationReport>[],
  policy: AppliedPolicy,
): InstalledApp[] {
  return reports.flatMap((report): InstalledApp[] => {
    const { packageName, displayName, versionName, state } = report
    if (packageName === null || state === "REMOVED") return []
    const signer_sha256 = signerOf(report.signingKeyCertFingerprints ?? [])
    const managed = policy.manages(packageName)
    return [
      { app_id: packageName, name: displayName, version: versionName, signer_sha256, managed },
    ]
  })
}

/**
 * The API documents SHA-1 fingerprints (40 hex digits), of which no SHA-256 can be told. Only one that
 * is a SHA-256, of an app with one signer, is taken.
 */
function signerOf(fingerprints: readonly string[]): string | null {
  const [only = "", ...others] = fingerprints
  const digits = only.replaceAll(":", "").toLowerCase()
  return others.length === 0 && /^[0-9a-f]{64}$/.test(digits) ? digits : null
}

function lastOf(name: string): string {
  return name.slice(name.lastIndexOf("/") + 1)
}

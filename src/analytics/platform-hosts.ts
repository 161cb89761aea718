/**
 * Hosts that the platform's vendor says must not be inspected, and the apps that are the platform
 * itself: refusals there are expected of every device. Curated by hand in our own words; an operator
 * replaces the list with the setting `platform-hosts`.
 */

export interface PlatformHost {
  pattern: string
  source: string
  /** When the source was read. */
  read: string
}

const apple = { source: "https://support.apple.com/101555", read: "2026-11-20" }
const google = { source: "https://support.google.com/chrome/a/answer/6334001", read: "2026-11-20" }

const appleHosts = [
  "*.push.apple.com",
  "albert.apple.com",
  "gs.apple.com",
  "identity.apple.com",
  "deviceenrollment.apple.com",
  "iprofiles.apple.com",
  "mdmenrollment.apple.com",
  "gdmf.apple.com",
  "setup.icloud.com",
  "vpp.itunes.apple.com",
  "*.appattest.apple.com",
]

const googleHosts = [
  "accounts.google.com",
  "chromeos-ca.gstatic.com",
  "clients3.google.com",
  "connectivitycheck.gstatic.com",
  "dl.google.com",
  "m.google.com",
  "tools.google.com",
  "gstatic.com",
  "edgedl.me.gvt1.com",
  "aratea-pa.googleapis.com",
]

/** Apple's enterprise-network article (read from a copy of 2021) and Google's Chrome Enterprise page. */
export const platformHosts: readonly PlatformHost[] = [
  ...appleHosts.map((pattern) => ({ pattern, ...apple })),
  ...googleHosts.map((pattern) => ({ pattern, ...google })),
]

/** Ids of the operating system's own apps, as beginnings. */
const platformApps = ["com.apple.", "com.android.", "com.google.android."]

/** Whether the app is the operating system or comes with it. */
export function isPlatformApp(appId: string): boolean {
  return appId === "android" || platformApps.some((prefix) => appId.startsWith(prefix))
}

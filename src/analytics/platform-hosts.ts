/**
 * Hosts that the platform's vendor says must not be inspected, and the apps that are the platform
 * itself: refusals there are expected of every device. They are the hosts of the shipped lists; an
 * operator replaces them with the setting `platform-hosts`.
 */
import { appleHosts } from "../record/vendor-hosts/apple.ts"
import { captivePortalHosts } from "../record/vendor-hosts/captive-portal.ts"
import { googleHosts } from "../record/vendor-hosts/google.ts"
import type { VendorHost } from "../record/vendor-hosts/vendor-host.ts"

export const platformHosts: readonly VendorHost[] = [
  ...appleHosts,
  ...googleHosts,
  ...captivePortalHosts,
]

/** Ids of the operating system's own apps, as beginnings. */
const platformApps = ["com.apple.", "com.android.", "com.google.android."]

/** Whether the app is the operating system or comes with it. */
export function isPlatformApp(appId: string): boolean {
  return appId === "android" || platformApps.some((prefix) => appId.startsWith(prefix))
}

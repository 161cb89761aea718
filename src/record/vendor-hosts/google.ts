/**
 * Hosts of Google's pages for administrators. The Chrome Enterprise page: hostnames that need to be
 * exempt from TLS inspection, because device traffic honours no imported certificate. The Android
 * Enterprise page: traffic to its endpoints should bypass SSL inspection. Exact names only; docs/lists.md
 * says which others were left out, and why.
 */
import { hostsOf, type Page, type VendorHost } from "./vendor-host.ts"

const read = "2026-11-21"
const chrome: Page = {
  source: "https://support.google.com/chrome/a/answer/6334001",
  read,
  copy: "2024-12-19, its list of changes only",
}
const androidPage = "https://support.google.com (Android Enterprise Help, answer 10513641)"
const android: Page = { source: androidPage, read, copy: "without a date" }
const androidQuoted: Page = {
  source: androidPage,
  read,
  copy: "without a date, quoted by a list of a third party",
}

export const googleHosts: readonly VendorHost[] = [
  ...hostsOf(chrome, {
    "accounts.google.com": "sign-in of devices and users",
    "chromeos-ca.gstatic.com": "attestation of ChromeOS devices",
    "clients3.google.com": "connectivity and other services of the device",
    "dl.google.com": "downloads of apps and updates",
    "m.google.com": "device management",
    "tools.google.com": "updates",
    "edgedl.me.gvt1.com": "downloads of updates",
    "alkalichromeosflexhwis2-pa.googleapis.com": "hardware data of ChromeOS Flex",
  }),
  ...hostsOf(android, {
    "android.clients.google.com": "device registration, downloads of the Play Store",
    "dl-ssl.google.com": "downloads of apps and updates",
    "play.google.com": "Play Store",
  }),
  ...hostsOf(androidQuoted, {
    "android.apis.google.com": "downloads of the Play Store and of Android Device Policy",
    "mtalk.google.com": "push notifications (FCM)",
    "mtalk4.google.com": "push notifications (FCM)",
    "ota.googlezip.net": "system updates",
    "ota-cache1.googlezip.net": "system updates",
    "ota-cache3.googlezip.net": "system updates",
  }),
]

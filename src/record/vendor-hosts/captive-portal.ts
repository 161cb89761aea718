/**
 * Hosts that devices ask whether there is an internet. Most ask in plain HTTP, which is never inspected;
 * over TLS the check would meet our certificate, and the device would say that it is offline.
 */
import { hostsOf, type VendorHost } from "./vendor-host.ts"

const read = "2026-11-21"

export const captivePortalHosts: readonly VendorHost[] = [
  ...hostsOf(
    { source: "https://support.apple.com/101555", read, copy: "2024-07-29" },
    { "captive.apple.com": "iOS, iPadOS, macOS, tvOS, visionOS; HTTP and TLS" },
  ),
  ...hostsOf(
    {
      source: "https://support.google.com/chrome/a/answer/6334001",
      read,
      copy: "2024-12-19, its list of changes only",
    },
    { "connectivitycheck.gstatic.com": "Android and ChromeOS" },
  ),
  ...hostsOf(
    {
      source: "https://support.google.com (Android Enterprise Help, answer 10513641)",
      read,
      copy: "without a date, quoted by a list of a third party",
    },
    { "connectivitycheck.android.com": "Android; TLS" },
  ),
  ...hostsOf(
    {
      source:
        "https://techcommunity.microsoft.com/t5/networking-blog/ncsi-change-notification/ba-p/3866600",
      read,
      copy: "2023",
    },
    {
      "www.msftconnecttest.com": "Windows 10 and later; HTTP on purpose",
      "ipv6.msftconnecttest.com": "Windows 10 and later; HTTP on purpose",
      "www.msftncsi.com": "Windows before 10; HTTP on purpose",
      "ipv6.msftncsi.com": "Windows before 10; HTTP on purpose",
    },
  ),
  ...hostsOf(
    {
      source: "https://firefox-source-docs.mozilla.org/networking/captive_portals.html",
      read,
      copy: "without a date",
    },
    { "detectportal.firefox.com": "Firefox; HTTP" },
  ),
  ...hostsOf(
    {
      source:
        "https://raw.githubusercontent.com/v2ray/domain-list-community/master/data/connectivity-check",
      read,
      copy: "without a date; no page of the vendors was found",
    },
    {
      "connect.rom.miui.com": "Android of Xiaomi",
      "connectivitycheck.platform.hicloud.com": "Android of Huawei",
    },
  ),
]

/**
 * Hosts of "Use Apple products on enterprise networks": Apple says there that its services fail any
 * connection with HTTPS interception. Of its hosts these are exact names, or wildcards that only
 * Apple's own narrow services answer; docs/lists.md says which others were left out, and why.
 */
import { hostsOf, type Page, type VendorHost } from "./vendor-host.ts"

const article = { source: "https://support.apple.com/101555", read: "2026-11-21" }
const copy2024: Page = { ...article, copy: "2024-07-29" }
/** Names under the article's headings, without its columns. */
const copy2023: Page = { ...article, copy: "2023-11-18, names only" }
const quoted: Page = { ...article, copy: "2026-06, quoted by lists of third parties" }

export const appleHosts: readonly VendorHost[] = [
  ...hostsOf(copy2024, {
    "albert.apple.com": "device activation",
    "gs.apple.com": "device setup, signatures of updates",
    "humb.apple.com": "device setup",
    "static.ips.apple.com": "device setup",
    "sq-device.apple.com": "eSIM activation",
    "tbsc.apple.com": "device setup",
    "*.push.apple.com": "push notifications (APNs), MDM's among them",
    "deviceenrollment.apple.com": "provisional enrollment in MDM",
    "deviceservices-external.apple.com": "Activation Lock of managed devices",
    "gdmf.apple.com": "catalogue of software updates",
    "identity.apple.com": "APNs certificate requests",
    "iprofiles.apple.com": "enrollment profiles",
    "mdmenrollment.apple.com": "enrollment profiles and device look-ups by MDM servers",
    "setup.icloud.com": "sign-in with a Managed Apple Account on Shared iPad",
    "vpp.itunes.apple.com": "licences of Apps and Books",
    "*.appattest.apple.com": "attestation of apps and managed devices",
  }),
  ...hostsOf(copy2023, {
    "configuration.apple.com": "software updates",
    "gg.apple.com": "software updates",
    "ig.apple.com": "software updates of macOS",
    "mesu.apple.com": "catalogues of software updates",
    "oscdn.apple.com": "macOS Recovery",
    "osrecovery.apple.com": "macOS Recovery",
    "skl.apple.com": "software updates of macOS",
    "swcdn.apple.com": "software updates of macOS",
    "swdist.apple.com": "software updates of macOS",
    "swdownload.apple.com": "software updates of macOS",
    "swscan.apple.com": "software updates of macOS",
    "updates.cdn-apple.com": "downloads of software updates",
    "xp.apple.com": "software updates",
    "ppq.apple.com": "validation of enterprise apps",
    "certs.apple.com": "certificate validation",
    "ocsp2.apple.com": "certificate validation",
    "valid.apple.com": "certificate validation",
    "appleid.apple.com": "Apple Account sign-in",
    "appleid.cdn-apple.com": "Apple Account sign-in",
    "idmsa.apple.com": "Apple Account sign-in",
    "gsa.apple.com": "Apple Account sign-in",
    "guzzoni.apple.com": "Siri and dictation",
    "app-site-association.cdn-apple.com": "associated domains of apps",
    "app-site-association.networking.apple": "associated domains of apps",
    "pos-device.apple.com": "Tap to Pay",
  }),
  ...hostsOf(quoted, {
    "axm-servicediscovery.apple.com": "account-driven enrollment",
    "gdmf-ados.apple.com": "catalogue of additional components",
    "gsra.apple.com": "updates of additional components",
    "wkms-public.apple.com": "installing an OS on an attached device",
    "fcs-keys-pub-prod.cdn-apple.com": "installing an OS on an attached device",
    "account.apple.com": "Apple Account sign-in",
    "token.safebrowsing.apple": "Safari's warnings of fraudulent sites",
  }),
]

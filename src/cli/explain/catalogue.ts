/**
 * What the published analytics say of their channels, word for word (ATT&CK 19.1; ATTACK-NOTICE.md), by our short
 * names. The same words stand above the functions of an1725.ts and an1726.ts; a test compares them.
 */
import type { Finding } from "../../record/finding.ts"

type Words = Readonly<Record<string, string>>

const an1725: Words = {
  API: "Application invokes custom TLS trust evaluation logic or pin validation routines (e.g., custom TrustManager, HostnameVerifier override, certificate/public key comparison) immediately before outbound TLS session establishment",
  S: "TLS trust customization and outbound HTTPS session occur while app_state=background or device_locked=true or recent_user_interaction=false",
  M: "Managed app with undeclared secure transport behavior or app category mismatch initiates opaque TLS communications inconsistent with enterprise policy baseline",
  D: "destinations not aligned with approved app behavior",
  Flow: "Application initiates HTTPS connection with repeated certificate validation failure under enterprise proxy followed by direct network retry or stable opaque TLS communication to same endpoint within correlation window",
  Insp: "TLS session from mobile app fails, resets, or refuses enterprise interception while same destination/app pair repeatedly establishes direct encrypted communication pattern consistent with pinned certificate/public-key validation",
}

const an1726: Words = {
  M: "Supervised managed app with undeclared secure transport behavior or unexpected network role communicates with non-baselined destination over opaque TLS",
  S: "Managed app initiates or resumes network-capable execution while app_state=background or device_locked=true before opaque TLS session attempt",
  Flow: "App-destination pair shows consistent inspection bypass/refusal pattern followed by direct encrypted communication or repeated short-lived TLS sessions to same endpoint within correlation window",
  Insp: "TLS handshake from iOS app repeatedly fails or is rejected only when enterprise SSL inspection certificate is presented, indicating certificate or public-key pin validation effect",
}

/** Null for what is ours and no analytic of the catalogue. */
export function catalogueWords(analytic: Finding["analytic"], channel: string): string | null {
  if (analytic === "AN1725") return an1725[channel] ?? null
  if (analytic === "AN1726") return an1726[channel] ?? null
  return null
}

/** What each gap means, and what would close it, in words. */
import type { GapName } from "../record/coverage-gap.ts"

export interface GapWords {
  /** Goes on after a share: "40 % of ...". */
  of: string
  /** What cannot be known because of it. */
  means: string
  /** What closes it. */
  advice: string
}

export const gapWords: Readonly<Record<GapName, GapWords>> = {
  unbound: {
    of: "connections come from addresses that name no single device",
    means: "their refusals stay with an address and are never above low",
    advice: "add lease files, RADIUS accounting or proxy users as sources (docs/identity.md)",
  },
  "unknown-app": {
    of: "connections have no known app",
    means: "AN1725 asks for the app; a stack alone says little on Android",
    advice:
      "send mobile-EDR events to the webhook, or declare User-Agents and destinations of apps",
  },
  unmanaged: {
    of: "devices that were seen are not known to be managed",
    means: "DC0114 (MDM) cannot be met for them",
    advice:
      "enrol them, add the MDM that has them as a source, or keep them in a network of guests",
  },
  unseen: {
    of: "managed devices made no connection through the sensor",
    means: "what they do is not seen: another network, a VPN, mobile data",
    advice:
      "bring them here by an always-on VPN or a managed proxy, or accept it with what stands in",
  },
  "stale-source": {
    of: "source fell silent",
    means: "who is who, and what apps do, is as old as its last word",
    advice: "pinsensor doctor tells what it says",
  },
  "stale-posture": {
    of: "devices were not listed by their MDM lately",
    means: "their posture may no longer be so",
    advice: "look whether they are retired, and at the MDM's own last check-in",
  },
  "no-telemetry": {
    of: "devices of this platform sent no event of an agent",
    means: "channels DC0021 and DC0123 are not observable there",
    advice: "send events to the webhook (docs/telemetry.md), or accept it",
  },
  "undeclared-app": {
    of: "managed apps are not in the app register",
    means: "whether pinning is as declared cannot be asked of them",
    advice: "pinsensor apps review --yaml suggests entries",
  },
  "no-sni": {
    of: "connections name no server",
    means: "their destination is an address, and no trial is given",
    advice: "look whose they are: pinsensor export attempts",
  },
  ech: {
    of: "connections hide their name (ECH)",
    means: "the destination is not known; never above suspected",
    advice: "switch ECH off by MDM or strip HTTPS records at the resolver",
  },
  quic: {
    of: "connections used QUIC around the sensor",
    means: "nothing of them is inspected; many apps fall back to TCP where UDP 443 is closed",
    advice: "close UDP 443 at the egress",
  },
  "not-inspected": {
    of: "bytes were not inspected, for this cause",
    means: "no attempt, so no refusal can be seen there",
    advice: "pinsensor bypass list tells which entries, pinsensor policy list which rules",
  },
}

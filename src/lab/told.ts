/**
 * How the lab's world must come out, as data: what the sensor must have seen of each device at each
 * destination, what it must have made of that, and what must have reached the syslog receiver.
 * Whatever is not listed here must not be there.
 */
import type { Alert } from "../record/alert.ts"
import type { Outcome } from "../record/attempt.ts"
import type { Finding } from "../record/finding.ts"
import type { DeviceId, Host } from "./cast.ts"

export interface Told {
  device: DeviceId
  hosts: readonly Host[]
  /** Every outcome that may occur; one of them must. */
  outcomes: readonly Outcome[]
  /** Spliced for a trial as well, and used. */
  spliced?: true
  /** Null: no finding at all. */
  finding: { analytic: Finding["analytic"]; verdict: Finding["verdict"] } | null
  /** What it is meant to show. */
  shows: string
}

const refused: readonly Outcome[] = [
  "refused-alert",
  "refused-close",
  "refused-reset",
  "refused-after-handshake",
]

export const told: readonly Told[] = [
  {
    device: "pixel-1",
    hosts: ["www.news.example", "cdn.shop.example"],
    outcomes: ["accepted"],
    finding: null,
    shows: "the pinned app accepts our certificate elsewhere: it trusts the CA",
  },
  {
    device: "pixel-1",
    hosts: ["api.bank.example"],
    outcomes: ["refused-after-handshake"],
    spliced: true,
    finding: { analytic: "AN1725", verdict: "confirmed" },
    shows: "it finishes the handshake and closes, works when spliced, refuses again",
  },
  {
    device: "iphone-1",
    hosts: ["www.news.example", "cdn.shop.example"],
    outcomes: ["accepted"],
    finding: null,
    shows: "accepts elsewhere, and MDM says that it trusts the CA",
  },
  {
    device: "iphone-1",
    hosts: ["api.bank.example"],
    outcomes: ["refused-close", "refused-reset"],
    spliced: true,
    finding: { analytic: "AN1726", verdict: "confirmed" },
    shows: "it closes before its Finished, works when spliced, refuses again",
  },
  {
    device: "pixel-2",
    hosts: [
      "api.bank.example",
      "www.news.example",
      "cdn.shop.example",
      "tiles.maps.example",
      "gw.chat.example",
    ],
    outcomes: refused,
    finding: { analytic: "AN1725", verdict: "refuses-everything" },
    shows: "a phone without our CA refuses everything: no pin",
  },
  {
    device: "pixel-3",
    hosts: ["www.news.example", "cdn.shop.example"],
    outcomes: ["accepted"],
    finding: null,
    shows: "an app that opted in to the user store accepts",
  },
  {
    device: "pixel-3",
    hosts: ["api.bank.example"],
    outcomes: refused,
    finding: { analytic: "AN1725", verdict: "refuses-here" },
    shows:
      "another app ignores the user store, as Android apps do: another app's trust proves nothing",
  },
  {
    device: "galaxy-1",
    hosts: ["api.bank.example"],
    outcomes: ["idle"],
    finding: null,
    shows: "a connection opened in advance and left unused",
  },
  {
    device: "galaxy-1",
    hosts: ["www.news.example"],
    outcomes: ["accepted"],
    finding: null,
    shows: "a trusting client is served",
  },
  {
    device: "galaxy-1",
    hosts: ["old.intranet.example"],
    outcomes: ["origin-failed"],
    finding: null,
    shows: "the origin's own certificate is bad: the client never sees ours",
  },
  {
    device: "galaxy-1",
    hosts: ["vault.corp.example"],
    outcomes: ["origin-wants-client-certificate"],
    finding: null,
    shows: "nobody can inspect an origin that wants the client's certificate",
  },
]

/** About the device as a whole, hence without a destination. */
export const toldOfDevices: readonly {
  device: DeviceId
  analytic: Finding["analytic"]
  shows: string
}[] = [
  {
    device: "pixel-2",
    analytic: "ca-missing",
    shows: "MDM says that the CA is missing: enrol it, accuse nobody",
  },
]

export interface ToldAlert {
  device: DeviceId
  analytic: Alert["analytic"]
  news: Alert["news"]
  confidence: Alert["confidence"]
  verdict: Alert["verdict"]
}

/** Everything else stays in the store. */
export const toldAlerts: readonly ToldAlert[] = [
  {
    device: "pixel-1",
    analytic: "AN1725",
    news: "opened",
    confidence: "medium",
    verdict: "confirmed",
  },
  {
    device: "iphone-1",
    analytic: "AN1726",
    news: "opened",
    confidence: "medium",
    verdict: "confirmed",
  },
  // Mobile EDR's batch about the app's trust logic comes late, and raises what is known.
  {
    device: "pixel-1",
    analytic: "AN1725",
    news: "raised",
    confidence: "high",
    verdict: "confirmed",
  },
]

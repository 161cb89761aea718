/** What the operator configures of the join; the defaults are ours. */
import { z } from "zod"
import { Duration } from "../record/duration.ts"

export const IdentitySettings = z.strictObject({
  /** How far the clocks of lease servers and sensors may differ. It is applied only where no
   * binding contains the instant, so it never takes an address from the device that had it. */
  "clock-tolerance": Duration.prefault("2s"),
  /** A connect event is of a connection if their times differ by no more than this. */
  "connect-tolerance": Duration.prefault("5s"),
  /** A lookup is of a connection that begins at most so long after it: an app's DNS cache. */
  "lookup-before": Duration.prefault("60s"),
  /** How far from a connection another proxy user's still counts as at the same time. */
  "proxy-user-window": Duration.prefault("5m"),
  /** Addresses and names under which devices reach the proxy: what their connect events show. */
  "proxy-addresses": z.array(z.string().min(1)).default([]),
})
export type IdentitySettings = z.infer<typeof IdentitySettings>

/** The same as the join takes it. */
export interface JoinSettings {
  clockToleranceMs: number
  connectToleranceMs: number
  lookupBeforeMs: number
  proxyUserWindowMs: number
  proxyAddresses: readonly string[]
}

export function joinSettings(settings: IdentitySettings): JoinSettings {
  return {
    clockToleranceMs: settings["clock-tolerance"],
    connectToleranceMs: settings["connect-tolerance"],
    lookupBeforeMs: settings["lookup-before"],
    proxyUserWindowMs: settings["proxy-user-window"],
    proxyAddresses: settings["proxy-addresses"],
  }
}

export const joinDefaults: JoinSettings = joinSettings(IdentitySettings.parse({}))

/** What the operator configures of the join; the defaults are ours. */
import { z } from "zod"
import { Duration } from "../record/duration.ts"
import { readPrefix } from "./address-key.ts"

const AddressOrPrefix = z
  .string()
  .refine(
    (text) => readPrefix(text) !== null,
    "must be an address or a prefix such as 192.0.2.0/29",
  )

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
  /** Addresses and prefixes of sensors, those under which they reach origins among them: a flow that has
   * one at an end, as Zeek or Suricata sees it, is one of ours. */
  "sensor-addresses": z.array(AddressOrPrefix).max(1_000).default([]),
  /** How far the clocks of sensors and taps may differ. */
  "flow-skew": Duration.prefault("5s"),
  /** Whether something between a tap and the sensor may give connections other ports: then a flow is no
   * control while a session of ours of the same client is open to the same place. */
  "port-translation": z.enum(["possible", "none"]).default("possible"),
})
export type IdentitySettings = z.infer<typeof IdentitySettings>

/** The same as the join takes it. */
export interface JoinSettings {
  clockToleranceMs: number
  connectToleranceMs: number
  lookupBeforeMs: number
  proxyUserWindowMs: number
  proxyAddresses: readonly string[]
  sensorAddresses: readonly string[]
  /** Ways in of this sensor, ADDRESS:PORT. */
  listeners: readonly string[]
  flowSkewMs: number
  portTranslation: "possible" | "none"
}

export function joinSettings(
  settings: IdentitySettings,
  listeners: readonly string[] = [],
): JoinSettings {
  return {
    clockToleranceMs: settings["clock-tolerance"],
    connectToleranceMs: settings["connect-tolerance"],
    lookupBeforeMs: settings["lookup-before"],
    proxyUserWindowMs: settings["proxy-user-window"],
    proxyAddresses: settings["proxy-addresses"],
    sensorAddresses: settings["sensor-addresses"],
    listeners,
    flowSkewMs: settings["flow-skew"],
    portTranslation: settings["port-translation"],
  }
}

export const joinDefaults: JoinSettings = joinSettings(IdentitySettings.parse({}))

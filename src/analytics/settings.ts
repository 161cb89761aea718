/**
 * What the operator configures of the analytics. Our own keys are kebab-case; the keys of AN1725 and
 * AN1726 are ATT&CK's names as they stand. ATT&CK gives no numbers: every default here is ours, with
 * its reason in docs/analytics.md.
 */
import { z } from "zod"
import { Duration } from "../record/duration.ts"
import { CoverageSettings } from "./coverage-settings.ts"
import { mostDevicesTold } from "./fleet-keys.ts"
import { LabelSettings } from "./label-drift.ts"
import { libraryUserAgents } from "./library-user-agents.ts"
import { overridesSchema } from "./override-settings.ts"
import { platformHosts } from "./platform-hosts.ts"
import { An1725Settings, An1726Settings, HostPatternText, ScopeSettings } from "./tunables.ts"

/** Used from so many other devices, on so many separate days, within the window: then a destination of
 * an app is its baseline. */
export const BaselineSettings = z.strictObject({
  /** In whole days. */
  window: Duration.refine(
    (ms) => ms >= 86_400_000 && ms <= 31 * 86_400_000,
    "a window is 1d to 31d long",
  ).prefault("14d"),
  devices: z.int().min(2, "one device is no baseline").max(mostDevicesTold).default(5),
  days: z.int().min(1).max(31).default(3),
})

export const AnalyticsSettings = z.strictObject({
  scope: ScopeSettings.prefault({}),
  /** The operator's own domains: an app may trust the CA for these alone, so they prove little. */
  "operator-domains": z.array(HostPatternText).default([]),
  /** Categories of the app register from which pinning is no mismatch. */
  "categories-expected-to-pin": z
    .array(z.string())
    .default(["finance", "authentication", "messaging"]),
  /** Hosts that the platform's vendor says must not be inspected. */
  "platform-hosts": z.array(HostPatternText).default(platformHosts.map((host) => host.pattern)),
  /** Beginnings of CONNECT User-Agents that name a library, hence never one app. */
  "library-user-agents": z.array(z.string().min(1)).default([...libraryUserAgents]),
  /** What an app is known to talk to is learned by this rule. */
  baseline: BaselineSettings.prefault({}),
  /** A stack that fewer devices show is rare in the fleet. */
  "rare-stack-devices": z.int().min(1).max(mostDevicesTold).default(3),
  /** So long the last state that was told of an app or a screen lock stands (AN1725). */
  "state-holds": Duration.prefault("1h"),
  /** What the sensor does not see, and from how much on that is a finding. */
  coverage: CoverageSettings.prefault({}),
  /** When what was marked is no longer what was marked. */
  labels: LabelSettings.prefault({}),
  AN1725: An1725Settings.prefault({}),
  AN1726: An1726Settings.prefault({}),
  /** Other settings for some apps or device groups; the first that covers a key decides. */
  overrides: overridesSchema({
    scope: ScopeSettings,
    AN1725: An1725Settings,
    AN1726: An1726Settings,
  }).default([]),
})
export type AnalyticsSettings = z.infer<typeof AnalyticsSettings>

/** The settings with every default in place. */
export function defaultAnalyticsSettings(): AnalyticsSettings {
  return AnalyticsSettings.parse({})
}

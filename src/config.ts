/**
 * The configuration: one schema with its defaults, read from a YAML or JSON file and from flags,
 * checked, frozen and printable. Unknown keys are refused. Flags override the file.
 */
import { createHash } from "node:crypto"
import { readFileSync } from "node:fs"
import { hostname } from "node:os"
import { parse } from "yaml"
import { z } from "zod"
import { AlertSettings, SyslogSettings } from "./alert/settings.ts"
import { AnalyticsSettings } from "./analytics/settings.ts"
import { RetentionSettings } from "./evidence/retention-settings.ts"
import { LeaseSettings } from "./identity/leases/settings.ts"
import { MdmSources } from "./identity/mdm/settings.ts"
import { RadiusSettings } from "./identity/radius/settings.ts"
import { IdentitySettings } from "./identity/settings.ts"
import { DnsSettings } from "./intercept/dns-settings.ts"
import { onExpired } from "./intercept/hindrance.ts"
import { Limits } from "./intercept/limits.ts"
import {
  Endpoint,
  endpoint,
  explicitName,
  type ListenerSettings,
  Listeners,
  Network,
} from "./intercept/listeners.ts"
import { OriginSettings } from "./intercept/origin-settings.ts"
import { OverloadSettings } from "./intercept/overload.ts"
import { ProxyUsersSettings } from "./intercept/proxy-logins.ts"
import { UpstreamProxySettings } from "./intercept/upstream-proxy-settings.ts"
import {
  ControlSettings,
  ListSettings,
  type PolicySettings,
  PrivacySettings,
  Rules,
} from "./policy/settings.ts"
import { listedHosts, listFault } from "./policy/shipped-lists.ts"
import { Duration } from "./record/duration.ts"
import { FlowLogSettings } from "./telemetry/flow-logs/settings.ts"
import { telemetryFaults } from "./telemetry/listeners.ts"
import { PubSubSettings } from "./telemetry/pubsub/settings.ts"
import { WebhookSettings } from "./telemetry/webhook/settings.ts"

/** At most so many sources of one sort. */
const mostSources = 64

/** What tells who and what: read by a process of its own, which traffic never waits for. */
const Sources = z.strictObject({
  leases: z.array(LeaseSettings).max(mostSources).default([]),
  radius: z.array(RadiusSettings).max(mostSources).default([]),
  mdm: MdmSources.default([]),
  webhook: WebhookSettings.prefault({}),
  pubsub: PubSubSettings.prefault({}),
  "flow-logs": z.array(FlowLogSettings).max(mostSources).default([]),
})

const Settings = z.strictObject({
  tenant: z.string().min(1).default("default"),
  site: z.string().min(1).default("default"),
  "sensor-id": z.string().min(1).default(hostname),
  /** The explicit proxy; null: none. */
  listen: Endpoint.nullable().default("127.0.0.1:8080"),
  /** Further ways in: transparent listeners, listeners behind a load balancer. */
  listeners: Listeners.default([]),
  /** Sensor processes; each takes one core. */
  workers: z.int().min(1).max(256).default(1),
  /** Where evidence is stored. */
  data: z.string().min(1).default("var"),
  /** The inspection CA: both files, or neither for `inspection-ca.pem` and `.key` in `dir`. */
  ca: z
    .strictObject({
      dir: z.string().min(1).default("certs"),
      cert: z.string().min(1).nullable().default(null),
      key: z.string().min(1).nullable().default(null),
      /** File that holds the passphrase of the key. */
      "passphrase-file": z.string().min(1).nullable().default(null),
      /** While its time is over (or not yet come): connections pass uninspected, or are blocked. */
      "on-expired": z.enum(onExpired).default("splice"),
    })
    .refine((ca) => (ca.cert === null) === (ca.key === null), "cert and key go together")
    .prefault({}),
  /** PEM file of roots that origins may have beside the public ones. */
  "origin-ca": z.string().min(1).nullable().default(null),
  /** What becomes of a client whose origin is no good. */
  origin: OriginSettings.prefault({}),
  /** Clients that are served; empty: this machine and private networks, never the internet. */
  "allow-client": z.array(Network).default([]),
  /** Users of the explicit proxy (Proxy-Authorization); null: nobody is asked. */
  "proxy-users": ProxyUsersSettings.nullable().default(null),
  /** Destinations that are opened although closed by default: loopback, own addresses, ... */
  "allow-destination": z.array(Network).default([]),
  /** A proxy that all connections to origins go through; null: they are dialled directly. */
  "upstream-proxy": UpstreamProxySettings.nullable().default(null),
  /** Who is asked for the names of origins. */
  dns: DnsSettings.prefault({}),
  /** Names that the sensor resolves by itself before it asks the system, as in /etc/hosts. */
  hosts: z.record(z.string().min(1), z.array(z.string().min(1)).min(1)).default({}),
  /** What is done with bytes in a tunnel that are no TLS. */
  "not-tls": z.enum(["splice", "block"]).default("splice"),
  limits: Limits.prefault({}),
  /** What an overloaded worker does with what it would inspect. */
  overload: OverloadSettings.prefault({}),
  /** A close so soon after Finished, without a byte, is a refusal (docs/outcomes.md). */
  "fast-window": z
    .strictObject({
      factor: z.number().positive().default(10),
      min: Duration.prefault("500ms"),
      max: Duration.prefault("2s"),
    })
    .prefault({}),
  rules: Rules.prefault([]),
  /** Lists of hosts that are not inspected: what is done with each, and the operator's own hosts. */
  lists: z.record(z.string().regex(/^[a-z][a-z0-9-]{0,40}$/), ListSettings).prefault({}),
  /** What of people's own is not inspected, beside the lists. */
  privacy: PrivacySettings.prefault({}),
  control: ControlSettings.prefault({}),
  identity: IdentitySettings.prefault({}),
  sources: Sources.prefault({}),
  /** How long what kind of record is kept. */
  retention: RetentionSettings.prefault({}),
  analytics: AnalyticsSettings.prefault({}),
  alerts: AlertSettings.prefault({}),
  /** Receivers of alerts; without one they go to the log. */
  syslog: z.array(SyslogSettings).default([]),
  log: z.enum(["debug", "info", "warn", "error"]).default("info"),
})

export const Config = Settings.superRefine((settings, context) => {
  const { listen, listeners, lists, retention, analytics } = settings
  const refuse = (path: PropertyKey[], message: string) =>
    context.addIssue({ code: "custom", path, message })
  const judged = analytics.scope.window + analytics.scope["allowed-lateness"]
  for (const kind of ["attempts", "flows", "app-events", "findings", "incidents"] as const)
    if ((retention[kind] ?? judged) < judged)
      refuse(
        ["retention", kind],
        "is shorter than analytics.scope: window and allowed-lateness together, which are judged",
      )
  for (const [name, list] of Object.entries(lists)) {
    const fault = listFault(name, list)
    if (fault) refuse(["lists", name], fault)
  }
  const proxies = [listen, ...listeners.map((other) => other.listen)].filter((one) => one !== null)
  for (const { path, message } of telemetryFaults(settings.sources, proxies)) refuse(path, message)
  if (listen === null && listeners.length === 0)
    refuse(["listen"], "null needs at least one of listeners")
  for (const [index, other] of listeners.entries()) {
    if (listen === null) return
    if (other.name === explicitName)
      refuse(["listeners", index, "name"], `"${explicitName}" is the listener of listen`)
    if (other.listen === listen && endpoint(listen).port !== 0)
      refuse(["listeners", index, "listen"], `${listen} is taken by listen`)
  }
})
export type Config = z.infer<typeof Config>
export type ConfigInput = z.input<typeof Config>

/** Reads a file (YAML, of which JSON is a part), lays `flags` over it and checks the whole. */
export function loadConfig(file: string | null, flags: Partial<ConfigInput> = {}): Config {
  const given = file === null ? {} : readConfigFile(file)
  const rules = [...(flags.rules ?? []), ...((given.rules as unknown[] | undefined) ?? [])]
  const ca = { ...given.ca, ...flags.ca }
  const control = { ...given.control, ...flags.control }
  const parsed = Config.safeParse({ ...given, ...flags, rules, ca, control })
  if (parsed.success) return freeze(parsed.data)
  const where = file ?? "the command line"
  throw new Error(`config: ${where} cannot be used:\n${z.prettifyError(parsed.error)}`)
}

function readConfigFile(file: string): Partial<ConfigInput> {
  let text: string
  try {
    text = readFileSync(file, "utf8")
  } catch (cause) {
    throw new Error(`config: ${file} cannot be read; give an existing file to --config`, { cause })
  }
  let given: unknown
  try {
    given = parse(text)
  } catch (cause) {
    const why = cause instanceof Error ? cause.message : ""
    throw new Error(`config: ${file} is neither YAML nor JSON: ${why}`, { cause })
  }
  // As it is while an editor writes it anew: a reload then would take every rule away.
  if (given === null || given === undefined)
    throw new Error(`config: ${file} says nothing; write {} to go by defaults alone`)
  if (typeof given !== "object" || Array.isArray(given))
    throw new Error(`config: ${file} must hold keys and values, as docs/configuration.md shows`)
  return given
}

/**
 * Names the part of the configuration that evidence depends on: what clients are shown and how they
 * are judged. Evidence is compared only within one such name (and one CA).
 */
export function sensorConfigId(config: Config, originCaPem: string | null): string {
  const shown = { leaf: 1, trust: originCaPem, fast: config["fast-window"] }
  return createHash("sha256").update(JSON.stringify(shown)).digest("hex").slice(0, 12)
}

/** What policy is made of. */
export function policySettings({ rules, control, lists, privacy }: Config): PolicySettings {
  return { rules, control, lists: listedHosts(lists, control.mode), privacy }
}

/** Names the policy that the configuration asks for: equal settings, equal name. */
export function policyRevision({ rules, control, lists, privacy }: Config): string {
  const sorted = Object.entries(lists).sort(([a], [b]) => (a < b ? -1 : 1))
  const text = JSON.stringify([rules, control, sorted, privacy])
  return createHash("sha256").update(text).digest("hex").slice(0, 12)
}

/** Every way in, the explicit proxy of `listen` first. */
export function listenersOf({ listen, listeners }: Config): ListenerSettings[] {
  if (listen === null) return [...listeners]
  const explicit = { name: explicitName, kind: "explicit" as const, listen }
  return [{ ...explicit, "proxy-protocol-from": [] }, ...listeners]
}

function freeze<Value>(value: Value): Value {
  if (typeof value === "object" && value !== null && !Object.isFrozen(value)) {
    Object.freeze(value)
    for (const part of Object.values(value)) freeze(part)
  }
  return value
}

/**
 * What a world is made of: phones with apps, destinations, and what is true of them over time. The
 * simulation reads it, confounders and adversaries change it before the first day. It must not know
 * records, outcomes or verdicts. Times are epoch milliseconds.
 */
import type { StackName, TlsVersion } from "../wire/stacks.ts"

export const minute = 60_000
export const hour = 60 * minute
export const day = 24 * hour

export type Platform = "android" | "ios"
export type Profile = "device" | "work" | "personal"
/** Where the inspection CA is on a phone. */
export type Anchor = "system" | "mdm-trusted" | "user-store" | "absent"

/** Something that holds from a time until the next of its kind. */
export interface From<Value> {
  from: number
  value: Value
}

/** What holds at a time; the first holds before its time, too. */
export function holdsAt<Value>(steps: readonly From<Value>[], at: number): Value {
  let held = steps[0]
  for (const step of steps) if (step.from <= at) held = step
  if (!held) throw new Error("world: nothing holds at any time")
  return held.value
}

export interface Span {
  from: number
  to: number
}

export function isWithin(spans: readonly Span[], at: number): boolean {
  return spans.some(({ from, to }) => from <= at && at < to)
}

/** Which CAs of ours the phone has, and where. */
export interface Trust {
  anchor: Anchor
  issuers: readonly string[]
}

export interface Phone {
  id: string
  /** Whose it is; phones of others have addresses like ours. */
  tenant: string
  platform: Platform
  osVersion: string
  /** Of the device, and for phones with two profiles of each; by app's profile. */
  trust: Map<Profile, From<Trust>[]>
  /** MDM reports so often, at an offset of its own. */
  mdm: { every: number; offset: number } | null
  managed: boolean
  supervised: boolean
  compliant: boolean
  apps: Installed[]
  edr: Edr
  /** How it reaches the sensor. */
  path: "explicit" | "transparent"
  /** Something between it and the sensor ends TCP (a load balancer, a VPN concentrator). */
  relayed: boolean
  /** Flow sensors that see its sessions, ours among them. */
  taps: Tap[]
  /** A firewall stops what goes around the sensor; apps that were refused try that. */
  blockedDirect: boolean
  /** MDM knows it so long after the first day began. */
  enrolledAfter: number
  /** MDM lists managed apps only. */
  listsManagedOnly: boolean
  /** Addresses over time; a binding is told for each unless `told` is false. */
  addresses: From<Address>[]
  /** What is added to the true time. */
  clockOffset: From<number>[]
  rttMs: number
  slowness: number
  /** No network worth the name; behind a captive portal. */
  outages: (Span & { kind: "loss" | "portal" })[]
  /** How much it is used, beside others. */
  activity: number
}

/** `mac`: the lease names a hardware address that MDM knows; `made-up-mac`: one that is made up for this
 * network. */
export interface Address {
  ip: string
  told: "dhcp" | "vpn" | "late" | "mac" | "made-up-mac" | "never"
}

/** Where a flow sensor listens, and whether something between it and the sensor gives connections other ports
 * (`lan`) or another address (`wan`). */
export interface Tap {
  side: "lan" | "wan"
  translated: boolean
}

/** What mobile EDR tells of this phone. */
export interface Edr {
  connects: boolean
  trust: boolean
  states: boolean
  /** How long after the event it is delivered. */
  delay: "now" | "batches"
  /** Share of events that are lost. */
  loss: number
}

export interface Installed {
  app: App
  profile: Profile
  version: From<string>[]
  signer: From<string>[]
  /** Its TLS library, which a new version may bring. */
  stack: From<StackName>[]
  managed: boolean
  /** When somebody or something opens it; made by the schedule. */
  opensADay: number
  syncsADay: number
  /** From then on it is there. */
  since: number
}

/** Whose word counts for a host, beside the phone's trust store. */
export interface Check {
  kind: "pin" | "own-anchors"
  /** `handshake`: by the stack; `finished`: by the library after Finished; `answer`: by the app, once
   * it was answered; `preface`: like `finished`, but h2's preface has left. */
  when: "handshake" | "finished" | "answer" | "preface"
  /** Versions that have it; null: all. */
  versions: readonly string[] | null
}

export interface App {
  id: string
  platform: Platform
  name: string
  category: string
  role: string
  stack: StackName
  /** Whether it trusts what a user or an admin added: Android's networkSecurityConfig, wholly or
   * for some domains. On iOS the store of the device counts. */
  userAnchors: "all" | "none" | readonly string[]
  checks: Map<string, Check>
  hosts: Use[]
  /** Declared and approved by the operator. */
  declaredPins: boolean
  expected: boolean
  installShare: number
  /** How much more it sends and gets than at first. */
  volume: From<number>[]
  inRegister: boolean
  /** What makes it more than an app; see adversaries/. */
  tactics: Tactics
}

export interface Tactics {
  /** A new name for each try. */
  rotates: boolean
  mutatesHello: boolean
  /** Goes around the sensor always. */
  alwaysDirect: boolean
  /** Share of contacts to its own host that go without the check, and ask for nothing of worth. */
  harmless: number
  /** Tries once, and not again before the next opening. */
  patient: boolean
}

/** A destination of an app, and how often one opening contacts it. */
export interface Use {
  place: Place
  share: number
  repeats: number
}

export type Health =
  | "ok"
  | "dead"
  | "geo-blocked"
  | "self-signed"
  | "wants-certificate"
  /** Answers only who shows what the genuine handshake gives (tls-exporter, token binding). */
  | "channel-bound"
  /** Turns our upstream leg away, and nobody else's. */
  | "refuses-us"

export interface Place {
  host: string
  ip: string
  health: Health
  tls: TlsVersion
  /** Something between kills what is inspected, or everything, while it lasts. */
  outages: (Span & { kills: "inspected" | "all" })[]
  /** Reached over QUIC by clients that can, for this share of contacts. */
  quicShare: number
  /** Reached over TCP past the sensor (un-proxied IPv6) for this share of contacts. */
  directShare: number
  /** Share of contacts that went past the sensor beside which a dial through it lost the race. */
  raceShare: number
  /** A spare or losing connection is dropped at once beside this share of contacts. */
  losers: number
  /** Share of sessions that resume an earlier one, where nobody inspects. */
  resumes: number
  /** Clients offer a real Encrypted ClientHello with this outer name. */
  echOuter: string | null
}

export interface Switches {
  [name: string]: number
}

export interface World {
  seed: string
  tenant: string
  site: string
  start: number
  end: number
  places: Place[]
  apps: App[]
  phones: Phone[]
  /** Our CA, and what identifies the configuration. */
  issuer: From<string>[]
  config: From<string>[]
  /** The leaves are refused by everybody, whatever they trust. */
  badLeaf: Span[]
  /** Labels of cases: which confounder or adversary is about them. */
  labels: Label[]
}

/** Names a part of the cases; what is null fits all. */
export interface Label {
  name: string
  phone: string | null
  app: string | null
  host: string | null
}

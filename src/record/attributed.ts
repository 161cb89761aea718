/** Facts with who and what behind them: what the identity join gives and the analytics take. */
import type { App } from "./app.ts"
import type { AppEvent } from "./app-event.ts"
import type { Attempt } from "./attempt.ts"
import type { Baselines } from "./baseline.ts"
import type { Profile } from "./common.ts"
import type { Device } from "./device.ts"
import type { Drift } from "./drift.ts"
import type { AppAttribution, DeviceAttribution } from "./finding.ts"
import type { Flow } from "./flow.ts"
import type { Posture } from "./posture.ts"
import type { RegisterEntry } from "./register-entry.ts"

/** Which device and app an attempt or a flow came from, at its time. */
export interface Attribution {
  /** The device, or `address:<ip>` where no binding tells. */
  device_id: string
  device: DeviceAttribution
  /** The binding that was chosen; null where none was. */
  binding_id: string | null
  profile: Profile
  app_id: string | null
  app_version: string | null
  app_signer: string | null
  app: AppAttribution
  /** Why, in words: which binding, which event, which register entry. */
  because: string[]
}

export interface Attributed<Fact> {
  fact: Fact
  who: Attribution
}

/** All evidence about one device (or unbound address) inside the window that is judged. */
export interface DeviceEvidence {
  device_id: string
  /** The device as inventory knows it; null for an unbound address. */
  device: Device | null
  /** Postures of the device, oldest first: the one in force at a time is the last not after it. */
  postures: Posture[]
  attempts: Attributed<Attempt>[]
  flows: Attributed<Flow>[]
  app_events: AppEvent[]
}

/** What is known of a device beside its connections. */
export type DeviceAbout = Omit<DeviceEvidence, "attempts" | "flows">

/** What is known under a key; a Map is one. */
export type LookUp<Value> = Pick<ReadonlyMap<string, Value>, "get">

/** What else a judgement needs: the operator's declarations, and what other devices showed. */
export interface JudgementContext {
  apps: readonly App[]
  register: readonly RegisterEntry[]
  /** Acceptances on other devices: `app_id|app_version|destination` -> ids of attempts. */
  accepted_elsewhere: LookUp<string[]>
  /** How many other devices showed a TLS stack. */
  stack_devices: LookUp<number>
  /** What apps are known to talk to. */
  baselines: Baselines
  /** What has become different under a bypass: id of its register entry -> drifts, oldest first. */
  drifts: LookUp<Drift[]>
  /** Sensors whose refusals rose across devices and destinations with a change of CA, leaf profile or
   * configuration, each in the epoch since (`faultKey`): keys that were refused there are not accused. */
  sensor_fault: ReadonlySet<string>
  /** Event time up to which evidence is complete, in epoch milliseconds. */
  now: number
}

/**
 * One replay of a store. In: the store, which is only read, and settings. Out: findings under each
 * of them. Nothing is sent and nothing stored.
 */

import { BaselineStatements } from "../../analytics/baseline-statements.ts"
import { LabelIndex } from "../../analytics/labels.ts"
import type { Config } from "../../config.ts"
import type { Store } from "../../evidence/store.ts"
import { inventory } from "../../identity/inventory.ts"
import { posturesKept } from "../../identity/posture-history.ts"
import { joinSettings } from "../../identity/settings.ts"
import type { Log } from "../../intercept/log.ts"
import type { BaselineChange } from "../../record/baseline-change.ts"
import type { Finding } from "../../record/finding.ts"
import { usualSpan } from "../correlator/past-look.ts"
import { type OtherTenant, OtherTenants } from "../other-tenants.ts"
import { Lane } from "./lane.ts"
import { PastRegister } from "./past-register.ts"
import { type Progress, walk } from "./walk.ts"

const day = 86_400_000
/** As the live inventory does, bindings that ended so long before are left out. */
const bindingsBefore = 30 * day

export interface ReplayOptions {
  store: Store
  /** What findings are wanted under; the first names whose data it is. */
  configs: readonly { config: Config; fromPhases: boolean }[]
  /** Epoch milliseconds, half open; without them all that is stored. */
  from?: number | undefined
  to?: number | undefined
  span?: number | undefined
  log: Log
  /** Called after every few thousand records; `share` of the time that is done. */
  onProgress?: (progress: Progress, share: number) => void
}

export interface Replayed {
  from: number
  to: number
  records: number
  /** Whose findings these are, and what was read of others and not judged: attempts, flows and app events. */
  tenant: string
  other_tenants: OtherTenant[]
  /** For each of the configurations. */
  lanes: { findings: Finding[]; judgements: number; outcomes_changed: number }[]
}

export function replay(options: ReplayOptions): Replayed {
  const { store, configs, span = usualSpan, log, onProgress } = options
  const first = configs[0]?.config
  if (!first) throw new Error("replay: there is nothing to replay under")
  const { from, to } = spanOf(store, options)
  const statements = [...store.all("baseline-changes")]
  const leadIn = Math.max(...configs.map((each) => leadInOf(each.config, statements, from)))
  const who = inventory(
    {
      tenant: first.tenant,
      bindings: store.bindings(from - leadIn - bindingsBefore, to + day),
      devices: store.current("devices"),
      postures: (deviceId) => store.posturesOf(deviceId, posturesKept),
      apps: store.current("apps"),
    },
    joinSettings(first.identity),
  )
  const lateness = Math.max(
    ...configs.map(({ config }) => config.analytics.scope["allowed-lateness"]),
  )
  const register = new PastRegister(store, Math.max(leadIn + lateness, day))
  const labels = new LabelIndex()
  labels.add(store.all("labels"))
  const newest = store.lastTime("attempts", to)
  const lanes = configs.map(
    (each) => new Lane({ ...each, newest, labels, statements, store, inventory: who, log }),
  )
  let records = 0
  const others = new OtherTenants(first.tenant)
  for (const progress of walk({ store, lanes, register, others, from, to, leadIn, span })) {
    records = progress.records
    onProgress?.(progress, to > from ? (progress.at - from) / (to - from) : 1)
  }
  return {
    from,
    to,
    records,
    tenant: first.tenant,
    other_tenants: others.counts,
    lanes: lanes.map((lane) => ({ findings: lane.findings.all(), ...lane.counts })),
  }
}

/** So much of the past tells what was known when the replay begins: evidence of the first devices, and
 * what the baseline was learned from, be it before a freeze that still holds. */
function leadInOf(
  { tenant, analytics }: Config,
  statements: readonly BaselineChange[],
  from: number,
): number {
  const said = new BaselineStatements()
  const apps = new Set([""])
  for (const change of statements) {
    if (change.tenant !== tenant) continue
    said.add(change)
    if (change.what === "frozen") apps.add(change.app_id ?? "")
  }
  const learned = [...apps].map((app) => said.learnedUntil(app, from))
  const back = Math.max(...learned.map((until) => from - until)) + analytics.baseline.window
  return Math.max(analytics.scope.window, back)
}

/** What is asked for, no longer than what there is. */
function spanOf(store: Store, { from, to }: ReplayOptions): { from: number; to: number } {
  const kinds = ["attempts", "flows"] as const
  const firsts = kinds.map((kind) => store.firstTime(kind, from ?? Number.MIN_SAFE_INTEGER))
  const lasts = kinds.map((kind) => store.lastTime(kind, to ?? Number.MAX_SAFE_INTEGER))
  const begin = Math.min(...firsts.map((time) => time ?? Number.POSITIVE_INFINITY))
  const end = Math.max(...lasts.map((time) => time ?? Number.NEGATIVE_INFINITY)) + 1
  if (begin >= end) throw new Error("replay: there is no attempt and no flow in that time")
  return { from: begin, to: end }
}

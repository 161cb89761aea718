/** Everything stored that bears on one finding: what it rests on, and what held at that time. */
import { incidentId } from "../../analytics/incidents.ts"
import { LabelIndex } from "../../analytics/labels.ts"
import { postureAt } from "../../analytics/posture-at.ts"
import type { Store } from "../../evidence/store.ts"
import { prefixesOf } from "../../identity/address-key.ts"
import type { JoinSettings } from "../../identity/settings.ts"
import type { Alert } from "../../record/alert.ts"
import type { App } from "../../record/app.ts"
import type { AppEvent } from "../../record/app-event.ts"
import type { Attempt } from "../../record/attempt.ts"
import type { Binding } from "../../record/binding.ts"
import type { Device } from "../../record/device.ts"
import { type Drift, pairEntryId } from "../../record/drift.ts"
import type { Finding } from "../../record/finding.ts"
import type { Flow } from "../../record/flow.ts"
import { matchesHost, parseHostPattern } from "../../record/host-pattern.ts"
import type { Incident } from "../../record/incident.ts"
import type { Label } from "../../record/label.ts"
import type { Posture } from "../../record/posture.ts"
import type { AuditedEntry, RegisterChange } from "../../record/register-change.ts"
import type { RegisterEntry } from "../../record/register-entry.ts"
import { namedDevices } from "../named-devices.ts"
import { type LeftOut, leftOut } from "./left-out.ts"
import { type AddressChoice, whoseAddress } from "./whose-address.ts"

export interface Case {
  finding: Finding
  incident: Incident | null
  alerts: Alert[]
  attempts: Attempt[]
  flows: Flow[]
  app_events: AppEvent[]
  /** Evidence ids that are stored no more. */
  forgotten: string[]
  /** As it was then. */
  device: Device | null
  /** Postures in force from the first to the last evidence, oldest first. */
  postures: Posture[]
  apps: App[]
  /** Those that mean the device, and those that were weighed of its addresses. */
  bindings: Binding[]
  /** Whose its addresses were. */
  addresses: AddressChoice[]
  /** Entries that bear on it, as they stand now; those that are gone are in the changes only. */
  register: RegisterEntry[]
  register_changes: RegisterChange[]
  drifts: Drift[]
  /** Flows of taps that were not counted. */
  left_out: LeftOut[]
  /** What people said that covers it, and was not taken back. */
  labels: Label[]
}

export function gather(store: Store, finding: Finding, settings?: JoinSettings): Case {
  const { key } = finding
  const of = <K extends "attempts" | "flows" | "app-events">(kind: K) =>
    finding.evidence_ids.flatMap((id) => store.get(kind, id) ?? []).sort(byTime)
  const [attempts, flows, app_events] = [of("attempts"), of("flows"), of("app-events")]
  const told = finding.channels.flatMap((each) => each.evidence_ids)
  const named = [...new Set([...finding.evidence_ids, ...told])]
  const found = new Set([...attempts, ...flows, ...app_events].map(({ id }) => id))
  const alerts = [...store.all("alerts", Date.parse(finding.first_seen))].filter(
    (alert) => alert.finding_id === finding.id || alert.evidence_ids.some((id) => found.has(id)),
  )
  const changes = changesOf(store, finding, flows)
  const ids = new Set(changes.map((change) => change.entry_id))
  const postures = posturesThen(
    store.posturesOf(key.device_id).filter((each) => each.tenant === finding.tenant),
    finding,
  )
  const apps = [...store.all("apps")].filter((app) => app.app_id === key.app_id)
  const clients = [...new Set([...attempts, ...flows].map((each) => each.client_ip))]
  const whose = whoseAddress(store, finding.tenant, [...attempts, ...flows].sort(byTime), settings)
  const own = bindingsTo(
    finding,
    store,
    store.bindingsOf(...new Set(clients.flatMap(prefixesOf))),
  ).filter((binding) => overlaps(binding, finding))
  const bindings = [...new Map([...own, ...whose.bindings].map((one) => [one.id, one])).values()]
  const pairs = key.app_id === null ? [] : [pairEntryId(key.app_id, key.destination)]
  const others = [...postures, ...apps, ...bindings].map(({ id }) => id)
  return {
    finding,
    incident: store.get("incidents", incidentId(finding)),
    alerts,
    attempts,
    flows,
    app_events,
    forgotten: named
      .filter((id) => !found.has(id) && !others.includes(id) && !ids.has(id))
      .filter((id) => store.get("postures", id) === null && store.get("apps", id) === null),
    device: deviceThen(store.privacy.devicesEver(finding.tenant, key.device_id), finding),
    postures,
    apps,
    bindings,
    addresses: whose.choices,
    register: [...ids].flatMap((id) => store.get("register", id) ?? []),
    register_changes: changes,
    drifts: store.driftsOf([...ids, ...pairs]),
    left_out: leftOut(store, finding, clients, settings),
    labels: labelsOver(store, finding),
  }
}

function labelsOver(store: Store, finding: Finding): Label[] {
  const labels = new LabelIndex()
  labels.add(store.all("labels"))
  return labels.covering(finding).sort(byTime)
}

export function byTime(a: { observed_at: string; id: string }, b: typeof a): number {
  if (a.observed_at !== b.observed_at) return a.observed_at < b.observed_at ? -1 : 1
  return a.id < b.id ? -1 : 1
}

/** What was in force at the first evidence, and what was told until the last: never what is told today. */
function posturesThen(all: readonly Posture[], finding: Finding): Posture[] {
  const [from, to] = [Date.parse(finding.first_seen), Date.parse(finding.last_seen)]
  const first = postureAt(all, from, finding.key.profile)
  const later = all.filter(({ observed_at, profile }) => {
    const ms = Date.parse(observed_at)
    return ms > from && ms <= to && (profile === finding.key.profile || profile === "device")
  })
  return [...(first ? [first] : []), ...later].sort(byTime)
}

/** As it was told of last before the last evidence; else as it was told of first: MDM may have come later. */
function deviceThen(ever: readonly Device[], { last_seen }: Finding): Device | null {
  const last = Date.parse(last_seen)
  return ever.findLast(({ observed_at }) => Date.parse(observed_at) <= last) ?? ever[0] ?? null
}

/** Those that mean the device, by its key or by names that inventory knows now. */
function bindingsTo(
  { tenant, key }: Finding,
  store: Store,
  bindings: readonly Binding[],
): Binding[] {
  const { deviceOf } = namedDevices(store, tenant, bindings)
  return bindings.filter(({ device_id, names }) => {
    const meant = device_id ?? (names && deviceOf(names).device_id)
    return meant === key.device_id
  })
}

function overlaps({ valid_from, valid_to }: Binding, finding: Finding): boolean {
  return valid_from <= finding.last_seen && (valid_to === null || valid_to > finding.first_seen)
}

/**
 * The whole history of each entry that let evidence through, names it, or could have matched the key. The audit
 * keeps entries that are gone, so it is asked and not the register.
 */
function changesOf(store: Store, finding: Finding, flows: readonly Flow[]): RegisterChange[] {
  const through = new Set(flows.flatMap((flow) => flow.register_entry ?? []))
  const evidence = new Set(finding.evidence_ids)
  const ids = new Set<string>(through)
  for (const change of store.all("register-changes")) {
    const entry = change.after ?? change.before
    if (!entry || change.observed_at > finding.last_seen) continue
    if (entry.evidence_ids.some((id) => evidence.has(id)) || couldMatch(entry, finding))
      ids.add(change.entry_id)
  }
  return [...ids].flatMap((id) => store.registerHistory(id)).sort(byPlace)
}

function byPlace(a: RegisterChange, b: RegisterChange): number {
  return Number(a.id) - Number(b.id)
}

/** By the parts that a finding knows: device and name. An entry without a name matches everything. */
function couldMatch(entry: AuditedEntry, { key, tenant, first_seen }: Finding): boolean {
  if (entry.source !== "register" || entry.tenant !== tenant) return false
  if (entry.expires_at !== null && entry.expires_at < first_seen) return false
  const { device_id, sni, stack } = entry.scope
  if (device_id !== null && device_id !== key.device_id) return false
  if (stack !== null && key.stack !== null && stack !== key.stack) return false
  return sni === null ? device_id !== null : matchesHost(parseHostPattern(sni), key.destination)
}

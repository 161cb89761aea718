/**
 * One look of the correlator: reads what is new, judges the devices concerned, and writes findings,
 * incidents, alerts, outbox rows, trials and cursors in one commit. Killed at any point, it begins
 * again at the last commit and comes to the same ids.
 */
import { createHash } from "node:crypto"
import { LOG_SINK } from "../../alert/log-sink.ts"
import { AlertState } from "../../alert/raise.ts"
import { sinkName } from "../../alert/settings.ts"
import { FleetMemory } from "../../analytics/fleet-memory.ts"
import type { Config } from "../../config.ts"
import { Follower, type News } from "../../evidence/follower.ts"
import type { Store } from "../../evidence/store.ts"
import { type Inventory, inventory } from "../../identity/inventory.ts"
import type { JoinInput } from "../../identity/join.ts"
import { joinSettings } from "../../identity/settings.ts"
import type { Log } from "../../intercept/sensor-deps.ts"
import { correlate, type Judged } from "../../pipeline.ts"
import type { JudgementContext } from "../../record/attributed.ts"
import type { Finding } from "../../record/finding.ts"
import type { Incident } from "../../record/incident.ts"
import type { RegisterEntry } from "../../record/register-entry.ts"
import type { World } from "../../world.ts"
import { JudgedMemory } from "./judged-memory.ts"
import { Suspects } from "./suspects.ts"

/** Devices judged in one commit: bounds how long the store is held. */
const devicesAtOnce = 50
/** Records of one client that are looked at; the newest count. */
const mostRecords = 20_000
const day = 86_400_000
/** No trial lives longer than being armed, re-inspected and held or cooled at their longest. */
const longestTrial = 60 * day

export interface CorrelatorParts {
  store: Store
  config: Config
  log: Log
  clock: () => number
}

export class Correlator {
  readonly #parts: CorrelatorParts
  readonly #follower: Follower
  readonly #memory: JudgedMemory
  readonly #fleet = new FleetMemory()
  readonly #suspects = new Suspects()
  readonly #sinks: string[]
  #inventory: Inventory

  constructor(parts: CorrelatorParts) {
    const { store, config } = parts
    this.#parts = parts
    this.#follower = new Follower(store)
    this.#memory = new JudgedMemory(store)
    this.#sinks = config.syslog.length > 0 ? config.syslog.map(sinkName) : [LOG_SINK]
    this.#inventory = this.#readInventory()
    this.#recall()
  }

  /** True while there is more to do at once. */
  pass(): boolean {
    const news = this.#follower.next()
    if (news.inventory) {
      this.#inventory = this.#readInventory()
      this.#suspects.inventoryChanged(this.#inventory)
    }
    this.#learn(news)
    const began = this.#parts.clock()
    const due = this.#suspects.next(devicesAtOnce, began)
    try {
      const judged = correlate(this.#world(news, due))
      this.#write(judged)
      const now = this.#parts.clock()
      this.#suspects.judged(due, now - began, now)
    } catch (error) {
      this.#follower.rollBack()
      this.#suspects.putBack(due)
      throw error
    }
    return !news.empty || due.length === devicesAtOnce
  }

  /** What was recorded before the start, within the window: who refused, who accepted what. */
  #recall(): void {
    const { store, config, clock } = this.#parts
    const since = clock() - config.analytics.scope.window
    for (const attempts of inBatches(store.all("attempts", since)))
      this.#learn({ attempts, flows: [], app_events: [] })
    for (const flows of inBatches(store.all("flows", since)))
      this.#learn({ attempts: [], flows, app_events: [] })
  }

  #learn(news: Pick<News, "attempts" | "flows" | "app_events">): void {
    const settings = joinSettings(this.#parts.config.identity)
    const times = [...news.attempts, ...news.flows].map((fact) => Date.parse(fact.observed_at))
    const from = times.reduce((least, time) => Math.min(least, time), Number.POSITIVE_INFINITY)
    const to = times.reduce((most, time) => Math.max(most, time), Number.NEGATIVE_INFINITY)
    const around = settings.connectToleranceMs
    const events = Number.isFinite(from)
      ? this.#parts.store.appEventsBetween(from - settings.lookupBeforeMs - around, to + around)
      : []
    this.#suspects.take(news, { inventory: this.#inventory, fleet: this.#fleet, settings, events })
  }

  #readInventory(): Inventory {
    const { store, config, clock } = this.#parts
    const now = clock()
    const back = config.analytics.scope.window + config.analytics.scope["allowed-lateness"]
    return inventory(
      {
        tenant: config.tenant,
        bindings: store.bindings(now - back - 30 * day, now + day),
        devices: store.current("devices"),
        postures: [...store.all("postures")],
        apps: store.current("apps"),
      },
      joinSettings(config.identity),
    )
  }

  #world(news: News, due: ReturnType<Suspects["next"]>): World {
    const { store, config, clock } = this.#parts
    const now = clock()
    const latest = new Map(due.map((device) => [device.device_id, device.latest]))
    const register = due.length > 0 ? [...store.all("register")] : []
    return {
      config,
      writer: {
        tenant: config.tenant,
        site: config.site,
        sensor_id: config["sensor-id"],
      },
      now,
      newId: (key) => createHash("sha256").update(key).digest("hex").slice(0, 32),
      devices: due.map((device) => this.#joinInput(device)),
      hits: news.hits,
      trials: this.#trials(now),
      contextOf: (deviceId) => this.#context(deviceId, latest.get(deviceId) ?? now, register),
      findingsOf: (deviceId) => this.#memory.findingsOf(deviceId),
      dueIncidents: store.dueAlertStates(now, devicesAtOnce),
      withChanged: (changed, ids) => this.#memory.withChanged(changed, ids),
      incidents: (ids) => this.#memory.incidents(ids),
      told: (incident, findings) => this.#told(incident, findings),
    }
  }

  #joinInput(device: ReturnType<Suspects["next"]>[number]): JoinInput {
    const { store, config } = this.#parts
    const to = device.latest + 1
    const from = to - config.analytics.scope.window
    const addresses = [
      ...new Set([...device.addresses, ...this.#inventory.addressesOf(device.device_id, from, to)]),
    ]
    const { bindings, devices, apps } = this.#inventory
    return {
      device_id: device.device_id,
      attempts: addresses.flatMap((ip) => store.attemptsOf(ip, from, to).slice(-mostRecords)),
      flows: addresses.flatMap((ip) => store.flowsOf(ip, from, to).slice(-mostRecords)),
      app_events: store.appEventsBetween(from, to + config.identity["connect-tolerance"]),
      bindings,
      devices,
      apps,
      settings: joinSettings(config.identity),
    }
  }

  /** Those that run or have not ended, and those of the last day, which count against caps. */
  #trials(now: number) {
    return [...this.#parts.store.all("register", now - longestTrial)].filter(
      ({ kind, expires_at }) =>
        kind === "trial" && (expires_at === null || Date.parse(expires_at) > now - day),
    )
  }

  #context(deviceId: string, latest: number, register: RegisterEntry[]): JudgementContext {
    return {
      apps: [...this.#inventory.appRegister],
      register,
      accepted_elsewhere: this.#fleet.acceptedElsewhere(deviceId),
      baseline: this.#fleet.baseline(deviceId),
      sensor_fault: false,
      now: latest,
    }
  }

  #told(incident: Incident, findings: readonly Finding[]): ReturnType<World["told"]> {
    const { store } = this.#parts
    const lead = findings.find(({ id }) => id === incident.lead_finding)
    if (!lead) throw new Error(`correlator: incident ${incident.id} has no lead finding`)
    const state = store.alertState(incident.id)
    const [last] = lead.evidence_ids.toReversed()
    const record = last ? (store.get("attempts", last) ?? store.get("flows", last)) : null
    const user = this.#inventory.devices.get(lead.key.device_id)?.user ?? null
    return {
      lead,
      device: { user, client_ip: record?.client_ip ?? null },
      previous: state === null ? null : AlertState.parse(state),
    }
  }

  #write({ findings, incidents, trials }: Judged): void {
    const { store, clock, log } = this.#parts
    const changed = findings.filter((finding) => this.#memory.isNew(finding))
    const rolled = incidents.map(({ incident }) => incident)
    const alerts = incidents.flatMap(({ raised }) => raised.alert ?? [])
    store.transaction(() => {
      store.append("findings", changed)
      store.append(
        "incidents",
        rolled.filter((incident) => this.#memory.isNewIncident(incident)),
      )
      store.append("alerts", alerts)
      for (const { incident, raised } of incidents)
        store.putAlertState(incident.id, raised.state, raised.state.revisit_at_ms)
      for (const alert of alerts)
        for (const sink of this.#sinks) store.enqueue(alert.id, sink, clock())
      if (trials.changed.length > 0) store.putRegister(trials.changed, "correlator", clock())
      this.#follower.commit()
    })
    this.#memory.keep(changed, rolled)
    for (const { entry_id, note } of trials.notes) log("info", "trial", { entry_id, note })
    for (const { id, verdict, confidence, key } of changed)
      log("debug", "finding", { id, verdict, confidence, destination: key.destination })
  }
}

/** Records recalled at a time. */
const batch = 2_000

function* inBatches<Item>(items: Iterable<Item>): Generator<Item[]> {
  let some: Item[] = []
  for (const item of items) {
    some.push(item)
    if (some.length < batch) continue
    yield some
    some = []
  }
  if (some.length > 0) yield some
}

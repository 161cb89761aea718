/** The world as `correlate` takes it, put together from the store and what the correlator remembers. */
import { createHash } from "node:crypto"
import { BudgetState } from "../../alert/budget.ts"
import { AlertState } from "../../alert/raise.ts"
import type { FleetMemory } from "../../analytics/fleet-memory.ts"
import type { Config } from "../../config.ts"
import type { Store } from "../../evidence/store.ts"
import type { RegisterHit } from "../../evidence/tables.ts"
import type { Log } from "../../intercept/log.ts"
import type { Attempt } from "../../record/attempt.ts"
import type { JudgementContext, LookUp } from "../../record/attributed.ts"
import type { Drift } from "../../record/drift.ts"
import type { Finding } from "../../record/finding.ts"
import type { Flow } from "../../record/flow.ts"
import type { Incident } from "../../record/incident.ts"
import type { World } from "../../world.ts"
import type { BaselineMemory } from "./baseline-memory.ts"
import type { HotDevices } from "./hot-devices.ts"
import type { InventoryMemory } from "./inventory-memory.ts"
import type { JudgedMemory } from "./judged-memory.ts"
import type { LabelMemory } from "./label-memory.ts"
import type { LastUsers } from "./last-users.ts"
import type { RegisterMemory } from "./register-memory.ts"
import type { Suspect } from "./suspects.ts"
import type { Unusable } from "./unusable.ts"
import type { UseMemory } from "./use-memory.ts"

/** Incidents whose suppressed news is looked at in one pass. */
const incidentsAtOnce = 50
/** What a day's budget holds back is owed when the day is over, in milliseconds. */
const budgetDay = 86_400_000

export interface ViewParts {
  store: Store
  config: Config
  memory: JudgedMemory
  labels: LabelMemory
  inventory: InventoryMemory
  hot: HotDevices
  fleet: FleetMemory
  baselines: BaselineMemory
  register: RegisterMemory
  use: UseMemory
  lastUsers: LastUsers
  /** Drifts of a bypass by its id. */
  drifts: LookUp<Drift[]>
  unusable: Unusable
  log: Log
}

/** What one commit is about. */
export interface About {
  due: readonly Suspect[]
  /** Uses of register entries that are read and not committed yet. */
  hits: readonly RegisterHit[]
  /** It is time to look at all that was learned. */
  everyEntry: boolean
  operational: readonly Finding[]
  /** Some sensor is at fault: no trial is armed. */
  fault: boolean
  /** What is not accused for that (`faultKey`). */
  silent: ReadonlySet<string>
}

export class WorldView {
  readonly #parts: ViewParts

  constructor(parts: ViewParts) {
    this.#parts = parts
  }

  at(now: number, about: About): World {
    const { due, operational, silent } = about
    const { store, config, memory, hot, labels } = this.#parts
    const latest = new Map(due.map((device) => [device.device_id, device.latest]))
    const writer = { tenant: config.tenant, site: config.site, sensor_id: config["sensor-id"] }
    return {
      config,
      writer,
      now,
      newId: (key) => createHash("sha256").update(key).digest("hex").slice(0, 32),
      devices: due.map((device) => hot.ready(device)),
      register: this.#register(now, about),
      operational: [
        ...operational.filter((finding) => memory.isNew(finding)),
        ...labels.relabelled(),
      ],
      labels: labels.current,
      budgets: this.#budgets(),
      contextOf: (deviceId) => this.#context(deviceId, latest.get(deviceId) ?? now, now, silent),
      findingsOf: (deviceId) => memory.findingsOf(deviceId),
      dueIncidents: store.dueAlertStates(
        now,
        incidentsAtOnce,
        Math.max(config.alerts["suppress-for"], budgetDay),
      ),
      rollUp: (changed, ids) => memory.rollUp(changed, ids, writer),
      told: (incident, lead) => this.#told(incident, lead),
    }
  }

  #register(now: number, { hits, fault, everyEntry }: About): World["register"] {
    const { register, use, lastUsers, inventory } = this.#parts
    const { devices } = inventory.current
    return {
      trials: register.trials(now),
      learned: register.learned(now),
      useOf: use.with(hits),
      lastUser: (entryId) => lastUsers.of(entryId),
      endedByHand: (entryId) => register.endedByHand(entryId),
      deviceOf: (deviceId) => devices.get(deviceId) ?? { groups: [], user: null },
      groupSize: (group) => devices.groupSize(group),
      fault,
      everyEntry,
    }
  }

  #context(
    deviceId: string,
    latest: number,
    now: number,
    sensor_fault: ReadonlySet<string>,
  ): JudgementContext {
    const { inventory, fleet, baselines, register, drifts } = this.#parts
    return {
      apps: inventory.current.appRegister,
      register: register.entries(now),
      accepted_elsewhere: fleet.acceptedElsewhere(deviceId, latest),
      stack_devices: fleet.stackDevices(deviceId, latest),
      baselines: baselines.of(deviceId, latest),
      drifts,
      sensor_fault,
      now: latest,
    }
  }

  #told(incident: Incident, lead: Finding): ReturnType<World["told"]> {
    const { store, inventory } = this.#parts
    const { devices, bindings } = inventory.current
    const user = devices.get(lead.key.device_id)?.user ?? null
    return {
      lead,
      // Asked only where there is news: it looks up every record of the evidence.
      device: () => {
        const last = lastConnection(lead, store)
        if (!last) return { user, client_ip: null, binding: null }
        const { site, client_ip: address, observed_at } = last
        const choice = bindings.resolve({ realm: site, address, at: Date.parse(observed_at) })
        const { binding_id, losers } = choice
        return { user, client_ip: address, binding: { binding_id, losers } }
      },
      previous: this.#alertState(incident.id),
    }
  }

  /** One that cannot be read counts as none: a day's budget begins anew. */
  #budgets(): World["budgets"] {
    const { store, log } = this.#parts
    return store.alertBudgets().flatMap(({ tenant, body }) => {
      const parsed = BudgetState.safeParse(body)
      if (parsed.success) return [{ tenant, state: parsed.data }]
      log("error", "alert-budget-unusable", { tenant, reason: parsed.error.message })
      return []
    })
  }

  /** One that cannot be read counts as none: what was told is told again, under its first id. */
  #alertState(incidentId: string): AlertState | null {
    const { store, log } = this.#parts
    const state = store.alertState(incidentId)
    if (state === null) return null
    const parsed = AlertState.safeParse(state)
    if (parsed.success) return parsed.data
    log("error", "alert-state-unusable", { incident_id: incidentId, reason: parsed.error.message })
    return null
  }
}

/** The newest among the evidence; postures, apps and app events have no address. */
function lastConnection({ evidence_ids }: Finding, store: Store): Attempt | Flow | null {
  const connections = evidence_ids.flatMap<Attempt | Flow>(
    (id) => store.get("attempts", id) ?? store.get("flows", id) ?? [],
  )
  return connections.reduce<Attempt | Flow | null>(
    (last, each) => (last === null || each.observed_at > last.observed_at ? each : last),
    null,
  )
}

/**
 * What the correlator learns from facts before anybody is judged: whose they are, whom they concern, what the
 * fleet shows. In: the past once, then what is new. Out: nothing; those who remember are told.
 */
import type { FleetMemory } from "../../analytics/fleet-memory.ts"
import type { Follower, News } from "../../evidence/follower.ts"
import type { RegisterHit } from "../../evidence/tables.ts"
import { LoginBindings } from "../../identity/login-bindings.ts"
import { joinSettings } from "../../identity/settings.ts"
import type { Log } from "../../intercept/log.ts"
import type { BaselineMemory } from "./baseline-memory.ts"
import type { BypassWatch } from "./bypass-watch.ts"
import type { CorrelatorParts } from "./correlator-parts.ts"
import type { CoverageWatch } from "./coverage-watch.ts"
import type { EvidenceParts } from "./evidence-parts.ts"
import type { FaultWatch } from "./fault-watch.ts"
import { FleetTeacher } from "./fleet-teacher.ts"
import type { HotDevices } from "./hot-devices.ts"
import type { InventoryMemory } from "./inventory-memory.ts"
import { eventsAround } from "./known-events.ts"
import { lastSeen } from "./last-seen.ts"
import type { LastUsers } from "./last-users.ts"
import { newestUpTo, type Recalled, recall } from "./recall.ts"
import type { Rewalk } from "./rewalk.ts"
import type { Facts, Suspects } from "./suspects.ts"
import { tellingFlows } from "./telling-flows.ts"
import type { Unusable } from "./unusable.ts"

export interface LearnerParts extends CorrelatorParts {
  follower: Follower
  inventory: InventoryMemory
  suspects: Suspects
  hot: HotDevices
  fleet: FleetMemory
  baselines: BaselineMemory
  faults: FaultWatch
  bypasses: BypassWatch
  coverage: CoverageWatch
  rewalk: Pick<Rewalk, "concerned" | "learned" | "lastSeen">
  lastUsers: LastUsers
  unusable: Unusable
  log: Log
}

/** Records that are learned before the devices which they concern are judged: the more, the fewer judgements. */
const mostTaken = 5_000

/** What is left of the news once they are learned. */
export interface Taken {
  hits: RegisterHit[]
  empty: boolean
}

export class Learner {
  readonly #parts: LearnerParts
  readonly #evidence: EvidenceParts
  readonly #teacher: FleetTeacher
  /** Null where logins bind nothing. */
  readonly #logins: LoginBindings | null
  /** Null when all of it is learned. */
  #recall: Generator<Recalled> | null
  #recalled = 0
  /** Null when all of it is learned. */
  #fleetRecall: Generator<void> | null = null
  /** What the fleet showed is known from this event time on, in epoch milliseconds. */
  #knownFrom = Number.POSITIVE_INFINITY
  /** The same of where and when each device was seen; it is not read further back. */
  #recalledFrom = Number.POSITIVE_INFINITY

  constructor(parts: LearnerParts) {
    const { config } = parts
    this.#parts = parts
    this.#evidence = parts
    this.#teacher = new FleetTeacher(parts)
    this.#logins = config["proxy-users"]?.bind
      ? new LoginBindings({
          tenant: config.tenant,
          windowMs: config.identity["proxy-user-window"],
        })
      : null
    this.#recall = this.#beginRecall()
  }

  /** Nothing is judged before the past is known: a baseline half learned makes other findings. True while there is
   * more of it. */
  recallSome(): boolean {
    if (!this.#recall) return false
    const { baselines, clock, log } = this.#parts
    try {
      const { value } = this.#recall.next()
      if (value) this.#learn({ ...value, app_events: [] }, true)
      else {
        this.#recall = null
        this.#fleetRecall = this.#beginFleetRecall()
        baselines.learnedPast(clock())
        log("info", "recalled", { records: this.#recalled })
      }
      this.#recalled += value ? value.attempts.length + value.flows.length : 0
    } catch (error) {
      // A broken-off reading cannot be resumed; to learn twice does no harm.
      this.#recall = this.#beginRecall()
      throw error
    }
    return true
  }

  /** Who is who, and what persons said, as it is now. True while there is more to learn of it. */
  refresh(): boolean {
    this.#refreshInventory()
    this.#parts.baselines.refresh()
    const recalls = this.#recallFleet()
    const waits = this.#refreshFleet()
    this.#parts.rewalk.learned()
    return waits || recalls
  }

  takeNews(): Taken {
    const { follower, suspects, baselines, bypasses, coverage, rewalk } = this.#parts
    const taken: Taken = { hits: [], empty: true }
    try {
      for (let records = 0; records < mostTaken; ) {
        const part = follower.next()
        if (part.empty) break
        // What the cursors are moved over with these news must have been learned with them.
        if (part.inventory) this.#refreshInventory()
        this.#bindLogins(part)
        this.#learn(part, false)
        taken.empty = false
        taken.hits.push(...part.hits)
        records += part.attempts.length + part.flows.length + part.app_events.length
        records += part.hits.length
      }
      this.#refreshFleet()
      suspects.again(baselines.toldOtherwise())
      rewalk.learned()
    } catch (error) {
      follower.rollBack()
      bypasses.rollBack()
      baselines.rollBack()
      coverage.rollBack()
      throw error
    }
    return taken
  }

  #beginRecall(): Generator<Recalled> {
    const { store, config, clock, baselines } = this.#parts
    this.#recalled = 0
    const { scope, baseline } = config.analytics
    const back = baselines.isNew ? Math.max(scope.window, baseline.window) : scope.window
    const since = (newestUpTo(store, clock()) ?? clock()) - back
    const isFirst = (["attempts", "flows"] as const).every(
      (kind) => store.cursor(`correlator/${kind}`) === 0,
    )
    this.#knownFrom = isFirst ? Number.NEGATIVE_INFINITY : since
    this.#recalledFrom = this.#knownFrom
    return recall(store, since)
  }

  /** What the fleet showed counts for its window and for the next (fleet-memory.ts), also for whoever was seen last when
   * what was recalled begins. Judging need not wait for it; who would be told otherwise is judged again. */
  #beginFleetRecall(): Generator<void> | null {
    if (!Number.isFinite(this.#knownFrom)) return null
    const { window } = this.#parts.config.analytics.scope
    return this.fleetFrom(Math.floor(this.#knownFrom / window - 1) * window)
  }

  /** True while there is more of it. */
  #recallFleet(): boolean {
    if (!this.#fleetRecall) return false
    try {
      if (this.#fleetRecall.next().done) this.#fleetRecall = null
    } catch (error) {
      this.#fleetRecall = this.#beginFleetRecall()
      throw error
    }
    return this.#fleetRecall !== null
  }

  /** Learns what the fleet showed before the time that was recalled: judging the past asks for it. Whoever is judged
   * now is told; what was found of the past was found knowing it. */
  *fleetFrom(since: number): Generator<void> {
    const { fleet, suspects } = this.#parts
    for (const _ of this.#teacher.teachPast({ from: since, to: this.#knownFrom })) {
      if (!this.#fleetRecall) suspects.again(fleet.toldOtherwise())
      fleet.pastToldOtherwise()
      yield
    }
    this.#knownFrom = Math.min(this.#knownFrom, since)
  }

  /** What the fleet showed, by who is who now. */
  #refreshFleet(): boolean {
    const { fleet, suspects, rewalk } = this.#parts
    const waits = this.#teacher.step((device) => suspects.seenOf(device)?.addresses ?? [])
    // While a window is being recalled each batch of it would have the same devices judged again.
    if (!this.#fleetRecall) suspects.again(fleet.toldOtherwise())
    for (const [device, at] of fleet.pastToldOtherwise()) rewalk.concerned(device, at)
    return waits
  }

  /** There is something of it that was not recalled. */
  #isForgotten(address: string, since: number): boolean {
    const { store } = this.#parts
    if (since >= this.#recalledFrom) return false
    const until = this.#recalledFrom
    return (
      store.attemptsOf(address, since, until, 1).length > 0 ||
      store.flowsOf(address, since, until, 1).length > 0
    )
  }

  /** Before anything is learned from them: who logged in tells whose the connections are. */
  #bindLogins({ attempts, flows }: News): void {
    const { store, inventory } = this.#parts
    const { devices } = inventory.current
    const bindings = this.#logins?.of([...attempts, ...flows], devices) ?? []
    if (bindings.length === 0) return
    store.append("bindings", bindings)
    this.#refreshInventory()
  }

  #refreshInventory(): void {
    const { inventory, suspects, hot, rewalk } = this.#parts
    const concerned = inventory.refresh()
    if (!concerned) return
    hot.inventoryChanged(inventory.current, concerned)
    const again = suspects.inventoryChanged(inventory.current, concerned, {
      lastSeen: (device, addresses) => lastSeen(this.#parts, device, addresses),
      isForgotten: (address) => this.#isForgotten(address, concerned.since.get(address) ?? 0),
    })
    for (const [address, since] of concerned.since) {
      this.#teacher.addressChanged(address, since)
      for (const device of inventory.current.devicesBehind(address))
        if (again.has(device)) rewalk.concerned(device, since)
    }
    for (const [device, since] of concerned.postures)
      if (suspects.isSuspectDevice(device)) rewalk.concerned(device, since)
  }

  #learn(facts: Facts, old: boolean): void {
    const { config, inventory, suspects, fleet, baselines, faults, bypasses } = this.#parts
    const { hot, lastUsers, unusable, coverage, rewalk } = this.#parts
    const teaches = !old || baselines.isNew
    const telling = tellingFlows(this.#evidence, teaches ? facts.flows : [])
    suspects.take(facts, {
      inventory: inventory.current,
      settings: joinSettings(config.identity),
      events: eventsAround(this.#evidence, [...facts.attempts, ...facts.flows]),
      old,
      concerned: (deviceId, at) => {
        if (!old) rewalk.concerned(deviceId, at)
      },
      lastSeen: (deviceId, at) => (at < this.#recalledFrom ? rewalk.lastSeen(deviceId, at) : null),
      attempt: (attempt) => {
        // What another tenant's devices showed tells nothing of ours.
        if (attempt.fact.tenant === config.tenant) fleet.noteAttempt(attempt)
        if (teaches) baselines.noteAttempt(attempt)
        if (!old) coverage.noteAttempt(attempt)
        faults.note(attempt)
        hot.attempt(attempt)
      },
      flow: (flow) => {
        const fact = teaches ? telling(flow.fact) : null
        if (fact) baselines.noteFlow({ ...flow, fact })
        if (fact && !old) coverage.noteFlow({ ...flow, fact })
        if (!old && flow.fact.tenant === config.tenant) bypasses.note(flow)
        lastUsers.note(flow)
        hot.flow(flow)
      },
      event: (deviceId, event) => {
        if (!old && event.tenant === config.tenant) coverage.noteEvent(deviceId, event.observed_at)
        hot.event(deviceId, event)
        if (event.tenant === config.tenant) this.#teacher.eventCame(deviceId, event)
      },
      unusable: (id, error) => unusable.record(id, error),
    })
  }
}

/**
 * What the correlator learns from facts before anybody is judged: whose they are, whom they concern, what the
 * fleet shows. In: the past once, then what is new. Out: nothing; those who remember are told.
 */
import type { FleetMemory } from "../../analytics/fleet-memory.ts"
import type { Follower, News } from "../../evidence/follower.ts"
import { LoginBindings } from "../../identity/login-bindings.ts"
import { joinSettings } from "../../identity/settings.ts"
import type { Log } from "../../intercept/sensor-deps.ts"
import type { BaselineMemory } from "./baseline-memory.ts"
import type { BypassWatch } from "./bypass-watch.ts"
import type { CoverageWatch } from "./coverage-watch.ts"
import type { EvidenceParts } from "./evidence-parts.ts"
import type { FaultWatch } from "./fault-watch.ts"
import type { HotDevices } from "./hot-devices.ts"
import type { InventoryMemory } from "./inventory-memory.ts"
import { eventsAround } from "./known-events.ts"
import type { LastUsers } from "./last-users.ts"
import type { CorrelatorParts } from "./pass.ts"
import { type Recalled, recall } from "./recall.ts"
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
  lastUsers: LastUsers
  unusable: Unusable
  log: Log
}

export class Learner {
  readonly #parts: LearnerParts
  readonly #evidence: EvidenceParts
  /** Null where logins bind nothing. */
  readonly #logins: LoginBindings | null
  /** Null when all of it is learned. */
  #recall: Generator<Recalled> | null
  #recalled = 0

  constructor(parts: LearnerParts) {
    const { config } = parts
    this.#parts = parts
    this.#evidence = parts
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

  /** Who is who, and what persons said, as it is now. */
  refresh(): void {
    this.#refreshInventory()
    this.#parts.baselines.refresh()
  }

  takeNews(): News {
    const { follower, suspects, fleet, baselines, bypasses, coverage } = this.#parts
    const news = follower.next()
    try {
      this.#bindLogins(news)
      this.#learn(news, false)
      suspects.again(fleet.toldOtherwise())
      suspects.again(baselines.toldOtherwise())
    } catch (error) {
      follower.rollBack()
      bypasses.rollBack()
      baselines.rollBack()
      coverage.rollBack()
      throw error
    }
    return news
  }

  #beginRecall(): Generator<Recalled> {
    const { store, config, clock, baselines } = this.#parts
    this.#recalled = 0
    const { scope, baseline } = config.analytics
    const back = baselines.isNew ? Math.max(scope.window, baseline.window) : scope.window
    return recall(store, clock() - back)
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
    const { inventory, suspects, hot } = this.#parts
    const concerned = inventory.refresh()
    if (!concerned) return
    hot.inventoryChanged(inventory.current, concerned)
    suspects.inventoryChanged(inventory.current, concerned)
  }

  #learn(facts: Facts, old: boolean): void {
    const { config, inventory, suspects, fleet, baselines, faults, bypasses } = this.#parts
    const { hot, lastUsers, unusable, coverage } = this.#parts
    const teaches = !old || baselines.isNew
    const telling = tellingFlows(this.#evidence, teaches ? facts.flows : [])
    suspects.take(facts, {
      inventory: inventory.current,
      settings: joinSettings(config.identity),
      events: eventsAround(this.#evidence, [...facts.attempts, ...facts.flows]),
      old,
      attempt: (attempt) => {
        fleet.noteAttempt(attempt)
        if (teaches) baselines.noteAttempt(attempt)
        if (!old) coverage.noteAttempt(attempt)
        faults.note(attempt)
        hot.attempt(attempt)
      },
      flow: (flow) => {
        const fact = teaches ? telling(flow.fact) : null
        if (fact) baselines.noteFlow({ ...flow, fact })
        if (fact && !old) coverage.noteFlow({ ...flow, fact })
        if (!old) bypasses.note(flow)
        lastUsers.note(flow)
        hot.flow(flow)
      },
      event: (deviceId, event) => {
        if (!old && event.tenant === config.tenant) coverage.noteEvent(deviceId, event.observed_at)
        hot.event(deviceId, event)
      },
      unusable: (id, error) => unusable.record(id, error),
    })
  }
}

/**
 * Judging the past under one configuration. In: facts in the order of event time, a span at a time.
 * Out: findings as they stand after each span. It is the correlator's way (who is concerned, what the
 * fleet showed, join, judge, settle), without its cursors, trials, incidents and alerts.
 */
import { FleetMemory } from "../../analytics/fleet-memory.ts"
import type { LabelIndex } from "../../analytics/labels.ts"
import type { Config } from "../../config.ts"
import type { Store } from "../../evidence/store.ts"
import type { Inventory } from "../../identity/inventory.ts"
import { joinSettings } from "../../identity/settings.ts"
import type { Log } from "../../intercept/log.ts"
import { outcomeOf } from "../../observe/outcome.ts"
import type { Attempt } from "../../record/attempt.ts"
import type { JudgementContext } from "../../record/attributed.ts"
import type { BaselineChange } from "../../record/baseline-change.ts"
import type { Drift } from "../../record/drift.ts"
import type { RegisterEntry } from "../../record/register-entry.ts"
import { BaselineMemory } from "../correlator/baseline-memory.ts"
import type { EvidenceParts } from "../correlator/evidence-parts.ts"
import { FaultWatch } from "../correlator/fault-watch.ts"
import { eventsAround } from "../correlator/known-events.ts"
import { lookBack } from "../correlator/past-look.ts"
import { type Facts, type Suspect, Suspects } from "../correlator/suspects.ts"
import { tellingFlows } from "../correlator/telling-flows.ts"
import { Unusable } from "../correlator/unusable.ts"
import { ReplayedFindings } from "./replayed-findings.ts"

/** Devices taken from those that wait at a time. */
const devicesAtOnce = 500
/** Answers about drifts remembered between spans; beyond it all are forgotten, and looked up again. */
const mostDrifts = 1_000

export type ReplayStore = EvidenceParts["store"] & Pick<Store, "driftsOf">

export interface LaneParts {
  store: ReplayStore
  config: Config
  inventory: Inventory
  /** What persons said of the baseline. */
  statements: readonly BaselineChange[]
  /** What they said of findings: it holds for the past too (docs/alerts.md). */
  labels: LabelIndex
  log: Log
  /** Outcomes are made anew of the phase facts, with the fast window of the configuration. */
  fromPhases: boolean
  /** Time of the newest attempt that is replayed, in epoch milliseconds: where the sensors' own clock will stand. */
  newest: number | null
}

export class Lane {
  readonly findings = new ReplayedFindings()
  readonly #parts: LaneParts
  readonly #evidence: EvidenceParts
  readonly #suspects: Suspects
  readonly #fleet: FleetMemory
  readonly #baselines: BaselineMemory
  readonly #faults: FaultWatch
  readonly #unusable: Unusable
  readonly #drifts = new Map<string, Drift[]>()
  /** Devices that were due while a sensor fault silenced some keys: at most those that the suspects remember. */
  readonly #afterFault = new Set<string>()
  #judgements = 0
  #outcomesChanged = 0

  constructor(parts: LaneParts) {
    const { store, config, inventory, statements, log, fromPhases, newest } = parts
    this.#parts = parts
    this.#suspects = new Suspects(newest)
    this.#unusable = new Unusable(log)
    this.#fleet = new FleetMemory(config.analytics.scope.window)
    this.#faults = new FaultWatch(config, [])
    this.#baselines = new BaselineMemory({ config, statements })
    this.#evidence = {
      store: fromPhases ? this.#rejudging(store) : store,
      config,
      inventory: { current: inventory },
      unusable: this.#unusable,
    }
  }

  /** Judgements of devices so far, and attempts that the fast window gave another outcome. */
  get counts() {
    return { judgements: this.#judgements, outcomes_changed: this.#outcomesChanged }
  }

  learn(facts: Facts): void {
    const { config, inventory, fromPhases } = this.#parts
    const settings = joinSettings(config.identity)
    const attempts = fromPhases
      ? facts.attempts.map((fact) => this.#counted(fact, this.#fromPhases(fact)))
      : facts.attempts
    const events = eventsAround(this.#evidence, [...attempts, ...facts.flows])
    const telling = tellingFlows(this.#evidence, facts.flows)
    this.#suspects.take(
      { ...facts, attempts },
      {
        inventory,
        settings,
        events,
        old: false,
        attempt: (attempt) => {
          // What another tenant's devices showed tells nothing of ours.
          if (attempt.fact.tenant === config.tenant) this.#fleet.noteAttempt(attempt)
          this.#baselines.noteAttempt(attempt)
          this.#faults.note(attempt)
        },
        flow: (flow) => {
          const fact = telling(flow.fact)
          if (fact) this.#baselines.noteFlow({ ...flow, fact })
        },
        unusable: (id, error) => this.#unusable.record(id, error),
      },
    )
  }

  /** What was learned from concerns nobody: it only leads in. */
  forgetDue(): void {
    while (this.#next(Number.POSITIVE_INFINITY).length > 0);
  }

  /** Judges all whom the facts since the last time concern; `now`: end of their span. */
  judge(now: number, register: readonly RegisterEntry[]): void {
    const silent = this.#lookForFault(now)
    for (;;) {
      const due = this.#next(now)
      if (due.length === 0) return
      if (silent.size > 0) for (const { device_id } of due) this.#afterFault.add(device_id)
      for (const suspect of due) this.#judgeOne(suspect, silent, register)
    }
  }

  #next(now: number): Suspect[] {
    return this.#suspects.next(devicesAtOnce, now)
  }

  #judgeOne(
    suspect: Suspect,
    silent: ReadonlySet<string>,
    register: readonly RegisterEntry[],
  ): void {
    const { device_id, latest } = suspect
    const { labels } = this.#parts
    this.#judgements += 1
    const before = this.findings.of(device_id)
    const context = this.#context(device_id, latest, silent, register)
    this.findings.keep(lookBack(this.#evidence, { suspect, context, before, labels }))
  }

  #context(
    deviceId: string,
    now: number,
    sensor_fault: ReadonlySet<string>,
    register: readonly RegisterEntry[],
  ): JudgementContext {
    return {
      apps: [...this.#parts.inventory.appRegister],
      register: [...register],
      accepted_elsewhere: this.#fleet.acceptedElsewhere(deviceId, now),
      stack_devices: this.#fleet.stackDevices(deviceId, now),
      baselines: this.#baselines.of(deviceId, now),
      drifts: { get: (id) => this.#driftsOf(id) },
      sensor_fault,
      now,
    }
  }

  #driftsOf(entryId: string): Drift[] {
    const known = this.#drifts.get(entryId)
    if (known) return known
    if (this.#drifts.size >= mostDrifts) this.#drifts.clear()
    const drifts = this.#parts.store.driftsOf([entryId])
    this.#drifts.set(entryId, drifts)
    return drifts
  }

  /** While a sensor is at fault nobody is accused of what it saw; who was due then is judged after it. */
  #lookForFault(now: number): ReadonlySet<string> {
    const lessSilent = this.#faults.look(now)
    const operational = this.#faults.findings()
    this.findings.keep(operational)
    this.#faults.stored(operational)
    if (lessSilent) {
      this.#suspects.again(this.#afterFault)
      this.#afterFault.clear()
    }
    return this.#faults.silent
  }

  #rejudging(store: ReplayStore): EvidenceParts["store"] {
    return {
      attemptsOf: (ip, from, to, limit) =>
        store.attemptsOf(ip, from, to, limit).map((fact) => this.#fromPhases(fact)),
      flowsOf: (ip, from, to, limit) => store.flowsOf(ip, from, to, limit),
      beginOfNewest: (clients, from, to, most) => store.beginOfNewest(clients, from, to, most),
      appEventsBetween: (from, to) => store.appEventsBetween(from, to),
      appEventsNaming: (names, from, to, limit) => store.appEventsNaming(names, from, to, limit),
      appEventCount: (from, to, most) => store.appEventCount(from, to, most),
    }
  }

  #fromPhases(attempt: Attempt): Attempt {
    return { ...attempt, ...outcomeOf(attempt, this.#parts.config["fast-window"]) }
  }

  #counted(before: Attempt, after: Attempt): Attempt {
    if (before.outcome !== after.outcome) this.#outcomesChanged += 1
    return after
  }
}

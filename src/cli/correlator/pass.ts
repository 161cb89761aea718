/**
 * One look of the correlator: reads what is new, judges the devices concerned, and writes findings,
 * incidents, alerts, outbox rows and trials in one commit for some devices at a time. The cursors
 * move in the last of these commits: killed at any point, it begins again where everything was
 * judged, and comes to the same ids.
 */
import { FleetMemory } from "../../analytics/fleet-memory.ts"
import type { SensorFault } from "../../analytics/sensor-fault.ts"
import { Follower } from "../../evidence/follower.ts"
import { correlate, type Judged } from "../../pipeline.ts"
import type { Finding } from "../../record/finding.ts"
import { BaselineMemory } from "./baseline-memory.ts"
import { BrokenWatch } from "./broken-watch.ts"
import { BypassWatch } from "./bypass-watch.ts"
import type { CorrelatorParts } from "./correlator-parts.ts"
import { CoverageWatch } from "./coverage-watch.ts"
import { FaultWatch } from "./fault-watch.ts"
import { Forget } from "./forget.ts"
import { HotDevices } from "./hot-devices.ts"
import { InventoryMemory } from "./inventory-memory.ts"
import { JudgedMemory } from "./judged-memory.ts"
import { LabelMemory } from "./label-memory.ts"
import { LastUsers } from "./last-users.ts"
import { Learner, type Taken } from "./learner.ts"
import { RegisterMemory } from "./register-memory.ts"
import { RegisterReview } from "./register-review.ts"
import { Rewalk } from "./rewalk.ts"
import { isStoreTrouble } from "./store-trouble.ts"
import { type Suspect, Suspects } from "./suspects.ts"
import { Unusable } from "./unusable.ts"
import { UseMemory } from "./use-memory.ts"
import { WorldView } from "./world-view.ts"
import { Writer } from "./write.ts"

/** Devices judged in one commit: bounds how long the store is held. */
const devicesAtOnce = 50
/** With more records that wait the past waits. */
const mostBehind = 2_000
/** How often all that was learned is looked at, in milliseconds. */
const everyEntryEvery = 1_000

export class Correlator {
  readonly #parts: CorrelatorParts
  readonly #fleet: FleetMemory
  readonly #baselines: BaselineMemory
  readonly #suspects: Suspects
  readonly #faults: FaultWatch
  readonly #bypasses: BypassWatch
  readonly #coverage: CoverageWatch
  readonly #hot: HotDevices
  readonly #learner: Learner
  readonly #rewalk: Rewalk
  readonly #unusable: Unusable
  readonly #register: RegisterMemory
  readonly #use: UseMemory
  readonly #broken: BrokenWatch
  readonly #review: RegisterReview
  readonly #forget: Forget
  /** When all that was learned was looked at, in epoch milliseconds. */
  #everyEntryAt = Number.NEGATIVE_INFINITY
  readonly #memory: JudgedMemory
  /** Judgements of devices since the start, and what they took. */
  #judged = 0
  #judgingMs = 0
  readonly #view: WorldView
  readonly #writer: Writer
  /** What is being judged; taken anew when all devices that it concerns were. */
  #news: Taken | null = null
  /** Devices that were looked at while a sensor fault silenced some keys, to be judged after it: at most those that
   * the suspects remember. */
  readonly #afterFault = new Set<string>()

  constructor(parts: CorrelatorParts) {
    const { store, config, log, clock } = parts
    const memory = new JudgedMemory(store)
    this.#parts = parts
    this.#suspects = new Suspects(store.lastTime("attempts", Number.MAX_SAFE_INTEGER))
    this.#memory = memory
    this.#fleet = new FleetMemory(config.analytics.scope.window)
    this.#baselines = new BaselineMemory({ config, store })
    this.#faults = new FaultWatch(config, memory.openOf("sensor-fault"))
    this.#unusable = new Unusable(log)
    this.#bypasses = new BypassWatch(parts)
    this.#coverage = new CoverageWatch(parts, memory.openOf("coverage"))
    this.#use = new UseMemory(store)
    this.#broken = new BrokenWatch(log)
    this.#review = new RegisterReview(store, log)
    this.#forget = new Forget(store, config.retention, log)
    this.#register = new RegisterMemory(
      store,
      config.analytics.scope.window + config.analytics.scope["allowed-lateness"],
      config.analytics.scope.window,
    )
    const unusable = (id: string, error: unknown) => this.#unusable.record(id, error)
    const inventory = new InventoryMemory({ store, config, clock, unusable })
    const evidence = { store, config, inventory, unusable: this.#unusable }
    this.#hot = new HotDevices({ ...evidence, clock })
    const follower = new Follower(store)
    const lastUsers = new LastUsers()
    const labels = new LabelMemory(store, memory, () => config.analytics.labels)
    this.#rewalk = new Rewalk({
      ...parts,
      ...evidence,
      memory,
      labels,
      suspects: this.#suspects,
      fleet: this.#fleet,
      baselines: this.#baselines,
      register: this.#register,
      drifts: this.#bypasses,
      learnFrom: (since) => this.#learner.fleetFrom(since),
    })
    this.#learner = new Learner({
      ...parts,
      ...evidence,
      follower,
      suspects: this.#suspects,
      hot: this.#hot,
      fleet: this.#fleet,
      baselines: this.#baselines,
      faults: this.#faults,
      bypasses: this.#bypasses,
      coverage: this.#coverage,
      rewalk: this.#rewalk,
      lastUsers,
    })
    this.#view = new WorldView({
      store,
      config,
      memory,
      labels,
      inventory,
      hot: this.#hot,
      fleet: this.#fleet,
      baselines: this.#baselines,
      register: this.#register,
      drifts: this.#bypasses,
      use: this.#use,
      lastUsers,
      unusable: this.#unusable,
      log,
    })
    for (const { key, state } of memory.all())
      if (state !== "closed") this.#suspects.watch([key.device_id])
    this.#writer = new Writer({
      ...parts,
      memory,
      follower,
      bypasses: this.#bypasses,
      baselines: this.#baselines,
      coverage: this.#coverage,
      rewalk: this.#rewalk,
    })
  }

  /**
   * How much is remembered, and what was done since the start. Memory grows with the devices and with what is
   * found of them, up to the bounds of each; with nothing else. `behind`: records that are stored and not
   * yet judged to the end.
   */
  get counts() {
    const { store } = this.#parts
    const behind = (kind: "attempts" | "flows") =>
      store.lastSeq(kind) - store.cursor(`correlator/${kind}`)
    return {
      ...this.#suspects.counts,
      ...this.#hot.counts,
      ...this.#rewalk.counts,
      findings: this.#memory.size,
      fleet_keys: this.#fleet.size,
      fault_pairs: this.#faults.size,
      judged: this.#judged,
      judging_ms: Math.round(this.#judgingMs),
      behind: behind("attempts") + behind("flows"),
    }
  }

  /** True while there is more to do at once. */
  pass(): boolean {
    if (this.#learner.recallSome()) return true
    const learns = this.#learner.refresh()
    this.#news ??= this.#learner.takeNews()
    const news = this.#news
    const now = this.#parts.clock()
    const due = this.#suspects.next(devicesAtOnce, now)
    const last = this.#suspects.ready(now).due === 0
    this.#judge(due, last ? news : null)
    const tookMs = this.#parts.clock() - now
    const times = this.#hot.takeTimes()
    const told = [...times.values()].reduce(
      (sum, { judging, reading }) => sum + judging + reading,
      0,
    )
    // What the commit took is shared by all.
    const rest = Math.max(0, tookMs - told) / Math.max(1, due.length)
    this.#suspects.judged(due, (id) => withRest(times.get(id), rest), now)
    this.#rewalk.looked(due)
    this.#judged += due.length
    if (due.length > 0) this.#judgingMs += tookMs
    if (last) this.#news = null
    // The present comes first.
    const mayWalk = this.#faults.lasting.length === 0 && this.counts.behind < mostBehind
    const walks =
      mayWalk && this.#rewalk.step(this.#parts.clock(), (found) => this.#keepPast(found))
    const { due: more, later } = this.#suspects.ready(now)
    return !news.empty || more + later > 0 || walks || learns
  }

  /** `news` with the last devices of theirs: then they are done with. */
  #judge(due: readonly Suspect[], news: Taken | null): void {
    const now = this.#parts.clock()
    this.#lookForFault(now, due)
    try {
      this.#judgeTogether(due, news, now)
    } catch (error) {
      if (isStoreTrouble(error) || due.length === 0) {
        this.#suspects.putBack(due)
        throw error
      }
      this.#judgeOneByOne(due, now)
      this.#judgeTogether([], news, now)
    }
  }

  /** What a walk through the past came to. */
  #keepPast(found: readonly Finding[]): void {
    if (found.length > 0) this.#judgeTogether([], null, this.#parts.clock(), found)
  }

  /** Some device's evidence broke an analytic: the others must not suffer for it. */
  #judgeOneByOne(due: readonly Suspect[], now: number): void {
    for (const [index, device] of due.entries()) {
      try {
        this.#judgeTogether([device], null, now)
      } catch (error) {
        if (isStoreTrouble(error)) {
          this.#suspects.putBack(due.slice(index))
          throw error
        }
        this.#unusable.device(device.device_id, error)
      }
    }
  }

  #judgeTogether(
    due: readonly Suspect[],
    news: Taken | null,
    now: number,
    past: readonly Finding[] = [],
  ): void {
    const operational = [...this.#faults.findings(), ...this.#coverage.findings(now), ...past]
    const fault = this.#faults.lasting.length > 0
    const { silent } = this.#faults
    // A clock that was set back must not make it wait.
    const everyEntry = Math.abs(now - this.#everyEntryAt) >= everyEntryEvery
    const hits = this.#news?.hits ?? []
    const done = news !== null && !news.empty ? { hits } : null
    let judged: Judged
    do {
      judged = correlate(this.#view.at(now, { due, hits, operational, fault, silent, everyEntry }))
      if (past.length === 0) this.#rewalk.closing(judged.findings)
    } while (!this.#writer.write(judged, done, this.#register.seq))
    if (done) this.#use.committed(hits)
    this.#faults.stored(operational.filter(({ analytic }) => analytic === "sensor-fault"))
    this.#coverage.stored(operational.filter(({ analytic }) => analytic === "coverage"))
    this.#broken.note(judged.trials.broken, now)
    if (!everyEntry) return
    this.#everyEntryAt = now
    this.#suspects.again(this.#broken.due(now))
    this.#review.step(now)
    this.#forget.step(now)
    this.#baselines.forgetStored(now)
  }

  /** While a sensor is at fault nobody is accused of what it saw; who was looked at is judged after it. */
  #lookForFault(now: number, due: readonly Suspect[]): void {
    const { log } = this.#parts
    const { lasting } = this.#faults
    if (this.#faults.look(now)) {
      this.#suspects.again(this.#afterFault)
      this.#afterFault.clear()
    }
    if (this.#faults.silent.size > 0)
      for (const { device_id } of due) this.#afterFault.add(device_id)
    for (const { sensor_id, devices, destinations } of notIn(lasting, this.#faults.lasting))
      log("error", "sensor-fault", { sensor_id, devices, destinations })
    for (const { sensor_id } of notIn(this.#faults.lasting, lasting))
      log("info", "sensor-fault-over", { sensor_id })
  }
}

function notIn(known: readonly SensorFault[], faults: readonly SensorFault[]): SensorFault[] {
  const keys = new Set(known.map(({ key }) => key))
  return faults.filter(({ key }) => !keys.has(key))
}

function withRest(took: { judging: number; reading: number } | undefined, rest: number) {
  return { judging: (took?.judging ?? 0) + rest, reading: took?.reading ?? 0 }
}

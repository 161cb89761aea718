/** Writes what a pass came to: all of it in one commit, or nothing. */
import { LOG_SINK } from "../../alert/log-sink.ts"
import { sinkName } from "../../alert/settings.ts"
import type { Config } from "../../config.ts"
import type { Follower } from "../../evidence/follower.ts"
import type { Store } from "../../evidence/store.ts"
import type { RegisterHit } from "../../evidence/tables.ts"
import type { Log } from "../../intercept/log.ts"
import type { Judged } from "../../pipeline.ts"
import type { BaselineMemory } from "./baseline-memory.ts"
import type { BypassWatch } from "./bypass-watch.ts"
import type { CoverageWatch } from "./coverage-watch.ts"
import type { JudgedMemory } from "./judged-memory.ts"
import type { Rewalk } from "./rewalk.ts"

export interface WriterParts {
  store: Store
  config: Config
  memory: JudgedMemory
  follower: Follower
  bypasses: BypassWatch
  baselines: BaselineMemory
  coverage: CoverageWatch
  rewalk: Rewalk
  log: Log
  clock: () => number
}

/** News that were judged to the end. */
export interface Done {
  hits: readonly RegisterHit[]
}

export class Writer {
  readonly #parts: WriterParts
  readonly #sinks: string[]

  constructor(parts: WriterParts) {
    const { syslog } = parts.config
    this.#parts = parts
    this.#sinks = syslog.length > 0 ? syslog.map(sinkName) : [LOG_SINK]
  }

  /**
   * `done`: the news are judged to the last device, and do not come again; their uses are counted.
   * `seq`: the change of the register up to which it was judged by. False, and nothing is written, if
   * somebody changed it since: what a person did just now is not to be overwritten.
   */
  write(judged: Judged, done: Done | null, seq: number): boolean {
    const { findings, incidents, digests, states, spent, trials } = judged
    const { store, memory, follower, bypasses, baselines, coverage, rewalk, clock, log } =
      this.#parts
    let watched = () => {}
    let learned = () => {}
    let counted = () => {}
    let waiting = () => {}
    const changed = findings.filter((finding) => memory.isNew(finding))
    const rolled = incidents.map(({ incident }) => incident)
    const alerts = [...digests, ...incidents.flatMap(({ raised }) => raised.alert ?? [])]
    const writes = changed.length + incidents.length + trials.writes.length
    if (!done && writes + states.length === 0) return true
    const written = store.transaction(() => {
      if (trials.writes.length > 0 && store.registerAuditSeq() !== seq) return false
      store.append("findings", changed)
      store.append("incidents", rolled)
      store.append("drifts", judged.drifts)
      store.append("alerts", alerts)
      for (const { incident, raised } of incidents)
        store.putAlertState(incident.id, raised.state, raised.state.revisit_at_ms)
      for (const { tenant, state } of states) store.putAlertBudget(tenant, state)
      for (const alert of alerts.filter(({ state }) => state === "sent"))
        for (const sink of this.#sinks) store.enqueue(alert.id, sink, clock())
      for (const { entry, act, note } of trials.writes)
        store.putRegister([entry], "correlator", clock(), { what: act, reason: note })
      if (done) {
        store.useRegister(done.hits)
        follower.commit()
        watched = bypasses.store()
        learned = baselines.store(clock())
        counted = coverage.store()
      }
      waiting = rewalk.store()
      return true
    })
    if (!written) return false
    watched()
    learned()
    counted()
    waiting()
    memory.keep(changed)
    for (const { entry, note } of trials.writes)
      log("info", entry.kind === "trial" ? "trial" : "learned", { entry_id: entry.id, note })
    for (const { tenant, day, budget } of spent)
      log("warn", "alert-budget-spent", { tenant, day, budget })
    for (const { tenant, digest } of digests)
      log("warn", "alerts-held", {
        tenant,
        day: digest?.day,
        held: digest?.held,
        sent: digest?.sent,
      })
    for (const { id, verdict, confidence, key } of changed)
      log("debug", "finding", { id, verdict, confidence, destination: key.destination })
    return true
  }
}

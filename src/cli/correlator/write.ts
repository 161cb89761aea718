/** Writes what a pass came to: all of it in one commit, or nothing. */
import { LOG_SINK } from "../../alert/log-sink.ts"
import { sinkName } from "../../alert/settings.ts"
import type { Config } from "../../config.ts"
import type { Follower } from "../../evidence/follower.ts"
import type { Store } from "../../evidence/store.ts"
import type { RegisterHit } from "../../evidence/tables.ts"
import type { Log } from "../../intercept/sensor-deps.ts"
import type { Judged } from "../../pipeline.ts"
import type { BypassWatch } from "./bypass-watch.ts"
import type { JudgedMemory } from "./judged-memory.ts"

export interface WriterParts {
  store: Store
  config: Config
  memory: JudgedMemory
  follower: Follower
  bypasses: BypassWatch
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
  write({ findings, incidents, trials }: Judged, done: Done | null, seq: number): boolean {
    const { store, memory, follower, bypasses, clock, log } = this.#parts
    let watched = () => {}
    const changed = findings.filter((finding) => memory.isNew(finding))
    const rolled = incidents.map(({ incident }) => incident)
    const alerts = incidents.flatMap(({ raised }) => raised.alert ?? [])
    if (!done && changed.length + incidents.length + trials.writes.length === 0) return true
    const written = store.transaction(() => {
      if (trials.writes.length > 0 && store.registerAuditSeq() !== seq) return false
      store.append("findings", changed)
      store.append("incidents", rolled)
      store.append("alerts", alerts)
      for (const { incident, raised } of incidents)
        store.putAlertState(incident.id, raised.state, raised.state.revisit_at_ms)
      for (const alert of alerts)
        for (const sink of this.#sinks) store.enqueue(alert.id, sink, clock())
      for (const { entry, act, note } of trials.writes)
        store.putRegister([entry], "correlator", clock(), { what: act, reason: note })
      if (done) {
        store.useRegister(done.hits)
        follower.commit()
        watched = bypasses.store()
      }
      return true
    })
    if (!written) return false
    watched()
    memory.keep(changed)
    for (const { entry, note } of trials.writes)
      log("info", entry.kind === "trial" ? "trial" : "learned", { entry_id: entry.id, note })
    for (const { id, verdict, confidence, key } of changed)
      log("debug", "finding", { id, verdict, confidence, destination: key.destination })
    return true
  }
}

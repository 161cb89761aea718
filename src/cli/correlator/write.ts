/** Writes what a pass came to: all of it in one commit, or nothing. */
import { LOG_SINK } from "../../alert/log-sink.ts"
import { sinkName } from "../../alert/settings.ts"
import type { Config } from "../../config.ts"
import type { Follower } from "../../evidence/follower.ts"
import type { Store } from "../../evidence/store.ts"
import type { Log } from "../../intercept/sensor-deps.ts"
import type { Judged } from "../../pipeline.ts"
import type { JudgedMemory } from "./judged-memory.ts"

export interface WriterParts {
  store: Store
  config: Config
  memory: JudgedMemory
  follower: Follower
  log: Log
  clock: () => number
}

export class Writer {
  readonly #parts: WriterParts
  readonly #sinks: string[]

  constructor(parts: WriterParts) {
    const { syslog } = parts.config
    this.#parts = parts
    this.#sinks = syslog.length > 0 ? syslog.map(sinkName) : [LOG_SINK]
  }

  /** `done`: the news are judged to the last device, and do not come again. */
  write({ findings, incidents, trials }: Judged, done: boolean): void {
    const { store, memory, follower, clock, log } = this.#parts
    const changed = findings.filter((finding) => memory.isNew(finding))
    const rolled = incidents.map(({ incident }) => incident)
    const alerts = incidents.flatMap(({ raised }) => raised.alert ?? [])
    if (!done && changed.length + incidents.length + trials.changed.length === 0) return
    store.transaction(() => {
      store.append("findings", changed)
      store.append(
        "incidents",
        rolled.filter((incident) => memory.isNewIncident(incident)),
      )
      store.append("alerts", alerts)
      for (const { incident, raised } of incidents)
        store.putAlertState(incident.id, raised.state, raised.state.revisit_at_ms)
      for (const alert of alerts)
        for (const sink of this.#sinks) store.enqueue(alert.id, sink, clock())
      if (trials.changed.length > 0) store.putRegister(trials.changed, "correlator", clock())
      if (done) follower.commit()
    })
    memory.keep(changed, rolled)
    for (const { entry_id, note } of trials.notes) log("info", "trial", { entry_id, note })
    for (const { id, verdict, confidence, key } of changed)
      log("debug", "finding", { id, verdict, confidence, destination: key.destination })
  }
}

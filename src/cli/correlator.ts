/** The correlator process: follows the store, judges, owns trials, and empties the outbox. */
import { hostname } from "node:os"
import type { Logger } from "pino"
import { LogSink } from "../alert/log-sink.ts"
import { type AlertSink, type Outbox, SyslogSender } from "../alert/send.ts"
import { sinkName } from "../alert/settings.ts"
import type { Config } from "../config.ts"
import { openStore } from "../evidence/open.ts"
import type { Store } from "../evidence/store.ts"
import { Correlator } from "./correlator/pass.ts"
import { logTo, openLog } from "./log.ts"
import { childProcess, tellParent } from "./process-messages.ts"

/** How often the store is asked whether something is new, in milliseconds; asking is cheap. */
const lookEvery = 100
/** Trials and suppressed news also move when nothing is recorded. */
const passAtLeastEvery = 1_000
const sinkDeadline = 3_000

childProcess(async (config, listen) => {
  const logger = openLog(config, "correlator")
  const log = logTo(logger)
  const store = openStore(config.data)
  const correlator = new Correlator({ store, config, log, clock: Date.now })
  const sinks = openSinks(config, store, logger)
  let trouble = false
  let dataVersion = -1
  let lastPass = 0

  const look = () => {
    try {
      const version = store.dataVersion()
      if (version === dataVersion && Date.now() - lastPass < passAtLeastEvery) return
      dataVersion = version
      lastPass = Date.now()
      // A few steps at a time, so that sinks and signals are not kept waiting.
      let more = true
      for (let step = 0; more && step < 10; step++) more = correlator.pass()
      if (more) dataVersion = -1
      for (const sink of sinks) sink.wake()
      if (trouble) log("info", "correlator-recovered", {})
      trouble = false
    } catch (error) {
      // Evidence stays where it is; the next look begins at the last commit.
      const reason = error instanceof Error ? (error.stack ?? error.message) : String(error)
      if (!trouble) log("error", "correlator-failing", { reason })
      trouble = true
    }
  }
  for (const sink of sinks) sink.start()
  const timer = setInterval(look, lookEvery)
  tellParent({ is: "ready", ...listen })
  return {
    stop: async () => {
      clearInterval(timer)
      dataVersion = -1
      look()
      await Promise.all(sinks.map((sink) => sink.close(sinkDeadline)))
      store.close()
    },
  }
})

function openSinks(config: Config, store: Store, log: Logger): AlertSink[] {
  const outbox: Outbox = {
    due: (sink, now, limit) => store.dueOutbox(sink, now, limit),
    sent: (seq, now) => store.markSent(seq, now),
    failed: (seq, nextMs, error) => store.markFailed(seq, nextMs, error),
  }
  if (config.syslog.length === 0) return [new LogSink({ outbox, log, now: Date.now })]
  return config.syslog.map(
    (settings) =>
      new SyslogSender({
        sink: sinkName(settings),
        settings,
        outbox,
        origin: { hostname: settings.hostname ?? hostname(), procid: String(process.pid) },
        log,
        now: Date.now,
        random: Math.random,
      }),
  )
}

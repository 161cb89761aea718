/** The correlator process: follows the store, judges, owns trials, and empties the outbox. */
import { hostname, setPriority } from "node:os"
import type { Logger } from "pino"
import { LogSink } from "../alert/log-sink.ts"
import { type AlertSink, type Outbox, SyslogSender } from "../alert/send.ts"
import { sinkName } from "../alert/settings.ts"
import type { Config } from "../config.ts"
import { openStore } from "../evidence/open.ts"
import type { Store } from "../evidence/store.ts"
import { Correlator } from "./correlator/pass.ts"
import { waitForTurn } from "./correlator/turn.ts"
import { veiledOutbox } from "./correlator/veiled-outbox.ts"
import { logTo } from "./log.ts"
import { openPseudonyms } from "./open-pseudonyms.ts"
import { childProcess, reasonOf } from "./process-messages.ts"

/** How often the store is asked whether something is new, in milliseconds; asking is cheap. */
const lookEvery = 100
/** Trials and suppressed news also move when nothing is recorded. */
const passAtLeastEvery = 1_000
/** Work is done for so long before sinks and signals have their turn. */
const workFor = 200
/** How often the counters are logged, in milliseconds; and once at the end. */
const countsEvery = 60_000
const sinkDeadline = 3_000
/** It reads here and there in a file that grows: more than the indexes' upper pages is not hit again. */
const cacheMiB = 8
/** Traffic comes first where a core is shared (nice(1)). */
const niceness = 5

childProcess("correlator", async (started, listeners, logger) => {
  setPriority(niceness)
  // One object that every part holds and reads at each pass: another policy is put into it between two.
  const config = { ...started }
  const store = openStore(config.data, { cacheMiB })
  const log = logTo(logger)
  const turn = waitForTurn(config.data, () =>
    log("warn", "correlator-waits", {
      data: config.data,
      because: "another pinsensor judges what is in this data directory",
    }),
  )
  // Ready before its turn comes and before the past is recalled: neither may keep traffic waiting.
  const working = turn.mine.then((mine) => (mine ? work(config, store, logger) : null))
  return {
    listeners,
    reload: (next) => void Object.assign(config, next),
    stop: async () => {
      turn.giveUp()
      await (await working)?.stop()
      store.close()
    },
  }
})

function work(config: Config, store: Store, logger: Logger): { stop(): Promise<void> } {
  const log = logTo(logger)
  const fresh = () => new Correlator({ store, config, log, clock: Date.now })
  let correlator = fresh()
  const sinks = openSinks(config, store, logger)
  let trouble = false
  let dataVersion = -1
  let lastPass = Number.NEGATIVE_INFINITY
  let lastCounts = performance.now()
  let erased = store.privacy.erasures.finished

  const look = () => {
    try {
      if (!store.inPlace()) return startAgain()
      const version = store.dataVersion()
      const began = performance.now()
      if (version === dataVersion && began - lastPass < passAtLeastEvery) return
      forgetErased()
      dataVersion = version
      lastPass = began
      let more = true
      while (more && performance.now() < began + workFor) more = correlator.pass()
      if (more) dataVersion = -1
      for (const sink of sinks) sink.wake()
      if (began - lastCounts >= countsEvery) {
        log("info", "correlator-counts", correlator.counts)
        lastCounts = began
      }
      if (trouble) log("info", "correlator-recovered", {})
      trouble = false
    } catch (error) {
      // Evidence stays where it is; the next look begins at the last commit.
      if (!trouble) log("error", "correlator-failing", { reason: reasonOf(error) })
      trouble = true
    }
  }
  /** Another file took the place of the store: what was remembered is not of it. */
  const startAgain = () => {
    log("error", "evidence-replaced", { data: config.data })
    process.exit(1)
  }
  /** Where a device was erased, much of what is remembered may be of it: all of it is read anew. */
  const forgetErased = () => {
    const now = store.privacy.erasures.finished
    if (now === erased) return
    log("info", "correlator-forgets", { because: "a device was erased" })
    correlator = fresh()
    erased = now
  }
  for (const sink of sinks) sink.start()
  const timer = setInterval(look, lookEvery)
  return {
    stop: async () => {
      clearInterval(timer)
      dataVersion = -1
      lastCounts = Number.NEGATIVE_INFINITY
      look()
      await Promise.all(sinks.map((sink) => sink.close(sinkDeadline)))
    },
  }
}

function openSinks(config: Config, store: Store, log: Logger): AlertSink[] {
  const veiled = new Set(config.syslog.filter((one) => one.pseudonyms).map(sinkName))
  const stored: Outbox = {
    due: (sink, now, limit) => store.dueOutbox(sink, now, limit),
    sent: (seq, now) => store.markSent(seq, now),
    failed: (seq, nextMs, error) => store.markFailed(seq, nextMs, error),
  }
  const outbox = veiledOutbox(stored, veiled, () => openPseudonyms(config.data, store))
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

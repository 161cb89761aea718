/**
 * The collector process: reads what tells who and what (leases, accounting, MDM, telemetry, logs of
 * flow sensors) into the store. Traffic never waits for it, and goes on when it fails: fails open.
 */
import { setPriority } from "node:os"
import { openStore } from "../evidence/open.ts"
import { openSources } from "./collector/sources.ts"
import { logTo } from "./log.ts"
import { childProcess } from "./process-messages.ts"

/** Traffic and judgement come first where a core is shared (nice(1)). */
const niceness = 10
const cacheMiB = 8
/** A batch waits so long for the store, in milliseconds; then its source tries again. */
const busyTimeoutMs = 5_000

childProcess("collector", async (config, listeners, logger) => {
  setPriority(niceness)
  // Whoever sends telemetry is told that it is kept, and forgets it.
  const store = openStore(config.data, { cacheMiB, busyTimeoutMs, durable: true })
  const sources = openSources(config, { store, log: logTo(logger), clock: Date.now })
  await Promise.all(sources.map((source) => source.start()))
  return {
    listeners,
    // Its settings are no part of what a reload takes over.
    reload: () => {},
    stop: async () => {
      await Promise.allSettled(sources.map((source) => source.stop()))
      store.close()
    },
  }
})

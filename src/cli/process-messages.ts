/** What the supervisor and its processes tell each other, and how such a process lives and ends. */
import { flushCompileCache } from "node:module"
import type { Logger } from "pino"
import type { Config } from "../config.ts"
import type { ListenerSettings } from "../intercept/listeners.ts"
import { openLog } from "./log.ts"
import { heartbeatEvery } from "./supervisor/watchdog.ts"

export type Role = "sensor-worker" | "correlator" | "collector"

export type ToChild =
  | { do: "start"; config: Config; listeners: readonly ListenerSettings[] }
  /** The configuration is this from now on; only its policy differs (reload.ts). */
  | { do: "reload"; config: Config; revision: string }
  /** End in order: finish what is open within the configured time. */
  | { do: "stop" }

export type FromChild =
  | { is: "ready"; listeners: readonly ListenerSettings[] }
  | { is: "failed"; why: string }
  /** Goes by that revision of the policy; `why` it does not, and goes by its last one: null if it does. */
  | { is: "reloaded"; revision: string; why: string | null }
  /** The event loop turns; said a few times within `limits.hung-time` once it was started. */
  | { is: "alive" }

/** What a started process gives back: where it serves, no port 0 among it, how it takes another
 * policy, and how it ends. */
export interface Started {
  listeners: readonly ListenerSettings[]
  /** What it throws leaves the old policy in force. */
  reload(config: Config): void
  stop(): Promise<void>
}

/** Beyond the configured drain; then a process whose supervisor is gone ends whatever it does. */
const stopSlack = 8_000

/**
 * Runs a child process: starts on the supervisor's word and stops on it, or when the supervisor is
 * gone. Signals of the terminal go to the supervisor, which decides.
 */
export function childProcess(
  role: Role,
  start: (config: Config, listeners: readonly ListenerSettings[], log: Logger) => Promise<Started>,
): void {
  let running: Promise<Started> | null = null
  let stopping = false
  let log: Logger | null = null
  let drainMs = 0

  const stop = async () => {
    if (stopping) return
    stopping = true
    setTimeout(() => process.exit(1), drainMs + stopSlack)
    await running
      ?.then((child) => child.stop())
      .catch((error) => log?.error({ process: role, reason: reasonOf(error) }, "stop-failed"))
    process.exit(0)
  }
  const begin = async ({ config, listeners }: ToChild & { do: "start" }) => {
    log = openLog(config, role)
    drainMs = config.limits["drain-time"]
    setInterval(() => tellParent({ is: "alive" }), heartbeatEvery(config.limits["hung-time"]))
    running = start(config, listeners, log)
    try {
      const started = await running
      tellParent({ is: "ready", listeners: started.listeners })
      flushCompileCache()
    } catch (error) {
      const why = error instanceof Error ? error.message : String(error)
      tellParent({ is: "failed", why }, () => process.exit(1))
    }
  }
  const reload = async ({ config, revision }: ToChild & { do: "reload" }) => {
    let why: string | null = null
    try {
      const child = await running
      child?.reload(config)
    } catch (error) {
      why = error instanceof Error ? error.message : String(error)
      log?.error({ process: role, reason: reasonOf(error) }, "reload-failed")
    }
    tellParent({ is: "reloaded", revision, why })
  }
  for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) process.on(signal, () => {})
  process.on("uncaughtException", (error) => {
    if (log) log.fatal({ process: role, reason: reasonOf(error) }, "process-failed")
    else process.stderr.write(`pinsensor ${role}: ${reasonOf(error)}\n`)
    process.exit(1)
  })
  process.on("disconnect", () => {
    log?.warn({ process: role }, "supervisor-gone")
    stop()
  })
  process.on("message", (message: ToChild) => {
    if (message.do === "stop") stop()
    // Of a supervisor that died while this process was loading only its last words arrive.
    else if (!process.connected || stopping) return
    else if (message.do === "start") begin(message)
    else reload(message)
  })
  if (!process.connected) process.exit(0)
}

function tellParent(message: FromChild, told: () => void = () => {}): void {
  if (process.connected) process.send?.(message, undefined, undefined, told)
  else told()
}

/** With its stack: for a fault of our own. */
export function reasonOf(error: unknown): string {
  return error instanceof Error ? (error.stack ?? error.message) : String(error)
}

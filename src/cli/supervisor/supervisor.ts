/** The processes of a running sensor: starts them, replaces what dies, ends them in order. */
import { type ChildProcess, fork } from "node:child_process"
import { join } from "node:path"
import type { Logger } from "pino"
import type { Config } from "../../config.ts"
import type { ListenerSettings } from "../../intercept/listeners.ts"
import { hasSources } from "../collector/source-names.ts"
import type { FromChild, Role, ToChild } from "../process-messages.ts"
import { Watchdog } from "./watchdog.ts"

/** Between the death of a process and its successor: doubling from the first to the last, in ms. */
const pause = { first: 200, last: 10_000 }
/** A process that lived so long has not failed at its start. */
const healthyAfter = 30_000
/** A process that is not ready by then is ended, and counts as failed. */
const startWithin = 60_000
/** Beyond the configured drain, for the last batch of evidence. */
const stopSlack = 10_000
/** A process that does not say by then that it took another policy is not waited for; it takes it when
 * it can, and one that hangs is replaced by one that has it. */
const reloadWithin = 10_000

/** Where a process serves; port 0 until the first worker has found one. */
type Bound = readonly ListenerSettings[]

/** Owned state: the processes that live. */
export class Supervisor {
  /** What a process that is started is given. */
  #config: Config
  readonly #log: Logger
  readonly #children = new Map<ChildProcess, Role>()
  #stopped: Promise<void> | null = null

  constructor(config: Config, log: Logger) {
    this.#config = config
    this.#log = log
  }

  /** The first worker finds the ports; the others share them. Whatever fails ends all of it. */
  async start(wanted: Bound): Promise<Bound> {
    try {
      const [found] = await Promise.all([
        this.#start("sensor-worker", wanted, null),
        this.#start("correlator", wanted, null),
      ])
      const others = Array.from({ length: this.#config.workers - 1 }, () =>
        this.#start("sensor-worker", found, null),
      )
      await Promise.all(others)
      this.#collect(found)
      return found
    } catch (error) {
      await this.stop()
      throw error
    }
  }

  /** Traffic does not wait for it and goes on without it: fails open. What cannot start is told as
   * `process-died` and tried again. */
  #collect(bound: Bound): void {
    if (hasSources(this.#config)) this.#start("collector", bound, 0).catch(() => {})
  }

  /** Gives every process another policy. Returns how many went by it within some seconds, of how
   * many; one that is being replaced just now starts with it. */
  async reload(config: Config, revision: string): Promise<{ taken: number; of: number }> {
    this.#config = config
    const asked = [...this.#children.keys()].map((child) =>
      askToReload(child, { do: "reload", config, revision }),
    )
    const taken = (await Promise.all(asked)).filter((took) => took).length
    return { taken, of: config.workers + (hasSources(config) ? 2 : 1) }
  }

  /** Workers first, then the collector: the correlator still sees their last records. */
  stop(): Promise<void> {
    this.#stopped ??= this.#endAll()
    return this.#stopped
  }

  async #endAll(): Promise<void> {
    const limitMs = this.#config.limits["drain-time"] + stopSlack
    for (const role of ["sensor-worker", "collector", "correlator"] as const) {
      const children = [...this.#children].filter(([, its]) => its === role)
      await Promise.all(children.map(([child]) => this.#end(child, limitMs)))
    }
  }

  /**
   * `waitMs`: how long its predecessor was waited for; null at the start of the sensor, when a
   * process that cannot start is an error. Settles when the process is ready.
   */
  #start(role: Role, listeners: Bound, waitMs: number | null): Promise<Bound> {
    if (this.#stopped) return Promise.reject(new Error("the sensor is stopping"))
    const env = {
      ...process.env,
      // getaddrinfo and the file system share this pool: one slow name server must not fill it.
      UV_THREADPOOL_SIZE: "16",
      // Halves the time that a port is not served when its worker died (0.5 s instead of 1.3 s of
      // CPU). In our own folder, because whoever can write there decides what code runs; or where
      // the operator's environment says.
      NODE_COMPILE_CACHE:
        process.env["NODE_COMPILE_CACHE"] ?? join(this.#config.data, "compile-cache"),
    }
    const child = fork(new URL(`../${role}.ts`, import.meta.url), {
      env,
      stdio: ["ignore", "inherit", "inherit", "ipc"],
    })
    this.#children.set(child, role)
    const began = performance.now()
    const hungAfter = this.#config.limits["hung-time"]
    return new Promise((resolve, reject) => {
      let bound: Bound | null = null
      let why: string | null = "it ended before it was ready"
      const late = setTimeout(() => {
        why = `it was not ready within ${startWithin / 1_000} s`
        child.kill("SIGKILL")
      }, startWithin)
      let watchdog: Watchdog | null = null
      child.on("message", (message: FromChild) => {
        switch (message.is) {
          case "failed":
            why = message.why
            return
          case "alive":
            return watchdog?.heard()
          case "reloaded":
            return
          case "ready":
            clearTimeout(late)
            why = null
            bound = message.listeners
            watchdog ??= new Watchdog(hungAfter, () => {
              why = `it was hung: not a word for ${hungAfter / 1_000} s`
              this.#log.error({ process: role, pid: child.pid, hung_ms: hungAfter }, "process-hung")
              child.kill("SIGKILL")
            })
            resolve(bound)
        }
      })
      const gone = (code: number | null, signal: string | null) => {
        clearTimeout(late)
        watchdog?.close()
        if (!this.#children.delete(child)) return
        reject(new Error(`${role}: ${why}`))
        if (this.#stopped || (bound === null && waitMs === null)) return
        this.#log.error({ process: role, pid: child.pid, code, signal, why }, "process-died")
        const failedAtStart = performance.now() - began < healthyAfter
        this.#replace(role, bound ?? listeners, failedAtStart ? (waitMs ?? 0) : 0)
      }
      child.once("exit", gone)
      child.on("error", (error) => {
        // Anything else than a process that could not be made is followed by its exit.
        if (child.pid !== undefined) return
        why = error.message
        gone(null, null)
      })
      tell(child, { do: "start", config: this.#config, listeners })
    })
  }

  #replace(role: Role, listeners: Bound, lastWaitMs: number): void {
    const waitMs = Math.min(pause.last, Math.max(pause.first, lastWaitMs * 2))
    setTimeout(() => {
      this.#start(role, listeners, waitMs).then(
        () => this.#log.info({ process: role }, "process-replaced"),
        () => {},
      )
    }, waitMs)
  }

  #end(child: ChildProcess, limitMs: number): Promise<void> {
    return new Promise((resolve) => {
      const timer = setTimeout(() => {
        this.#log.warn({ process: this.#children.get(child), pid: child.pid }, "process-killed")
        child.kill("SIGKILL")
      }, limitMs)
      child.once("exit", () => {
        clearTimeout(timer)
        resolve()
      })
      if (!this.#children.has(child)) {
        clearTimeout(timer)
        resolve()
      } else if (child.connected) tell(child, { do: "stop" })
      else child.kill("SIGKILL")
    })
  }
}

/** Whether it took it; a process that ends meanwhile did not. */
function askToReload(child: ChildProcess, message: ToChild & { do: "reload" }): Promise<boolean> {
  return new Promise((resolve) => {
    const settle = (took: boolean) => {
      clearTimeout(late)
      child.off("message", heard).off("exit", gone)
      resolve(took)
    }
    const heard = (said: FromChild) => {
      if (said.is === "reloaded" && said.revision === message.revision) settle(said.why === null)
    }
    const gone = () => settle(false)
    const late = setTimeout(gone, reloadWithin)
    child.on("message", heard).on("exit", gone)
    tell(child, message)
  })
}

/** A message to a process that is just dying is lost, and nothing else happens. */
function tell(child: ChildProcess, message: ToChild): void {
  if (child.connected) child.send(message, () => {})
}

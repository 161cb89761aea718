/**
 * `pinsensor run`: the supervisor. It checks everything that can be wrong before anything starts,
 * forks one correlator and the sensor workers, replaces what dies, and ends them in order.
 */
import { type ChildProcess, fork } from "node:child_process"
import type { Logger } from "pino"
import { type Config, endpoint } from "../config.ts"
import { openStore } from "../evidence/open.ts"
import { configFromFlags } from "./flags.ts"
import { findCa } from "./inspection-ca.ts"
import { openLog } from "./log.ts"
import type { FromChild, ToChild } from "./process-messages.ts"

type Role = "sensor-worker" | "correlator"
type Listen = { host: string; port: number }

/** Between the death of a process and its successor: doubling from the first to the last, in ms. */
const restart = { first: 200, last: 10_000 }
/** A process that lived so long has not failed at its start. */
const healthyAfter = 30_000
/** Beyond the configured drain, for the last batch of evidence. */
const stopSlack = 5_000

export async function run(args: readonly string[]): Promise<void> {
  const config = configFromFlags(args)
  const log = openLog(config, "supervisor")
  const { ca, created } = findCa(config, Date.now())
  if (created) log.info({ dir: config.ca.dir, issuing_ca: ca.fingerprint }, "inspection-ca-created")
  for (const warning of ca.warnings) log.warn({ warning }, "inspection-ca-warning")
  openStore(config.data).close()

  const supervisor = new Supervisor(config, log)
  const stop = () => supervisor.stop().then(() => process.exit(0))
  process.on("SIGTERM", stop)
  process.on("SIGINT", stop)
  const listen = await supervisor.start(endpoint(config.listen))
  log.info(
    { listen: `${listen.host}:${listen.port}`, issuing_ca: ca.fingerprint, data: config.data },
    "listening",
  )
}

/** Owned state: the processes. */
class Supervisor {
  readonly #config: Config
  readonly #log: Logger
  readonly #children = new Set<ChildProcess>()
  #stopping = false

  constructor(config: Config, log: Logger) {
    this.#config = config
    this.#log = log
  }

  /** The first worker finds the port; the others share it. */
  async start(wanted: Listen): Promise<Listen> {
    await this.#fork("correlator", wanted)
    const listen = await this.#fork("sensor-worker", wanted)
    const others = Array.from({ length: this.#config.workers - 1 }, () =>
      this.#fork("sensor-worker", listen),
    )
    await Promise.all(others)
    return listen
  }

  #fork(role: Role, listen: Listen, waitMs = restart.first): Promise<Listen> {
    const script = new URL(`./${role}.ts`, import.meta.url)
    // getaddrinfo and the file system share this pool: one slow name server must not fill it.
    const env = { ...process.env, UV_THREADPOOL_SIZE: "16" }
    const child = fork(script, { env, stdio: ["ignore", "inherit", "inherit", "ipc"] })
    this.#children.add(child)
    const began = Date.now()
    let bound = listen
    return new Promise((resolve, reject) => {
      let why = "it ended before it was ready"
      child.on("message", (message: FromChild) => {
        if (message.is === "failed") why = message.why
        else {
          bound = { host: message.host, port: message.port }
          resolve(bound)
        }
      })
      child.on("exit", (code, signal) => {
        this.#children.delete(child)
        reject(new Error(`${role}: ${why}`))
        if (this.#stopping || (bound.port === 0 && role === "sensor-worker")) return
        this.#log.error({ process: role, code, signal, why }, "process-died")
        const next = Date.now() - began > healthyAfter ? restart.first : waitMs
        setTimeout(() => {
          if (this.#stopping) return
          this.#fork(role, bound, Math.min(restart.last, next * 2)).catch(() => {})
        }, next)
      })
      child.send({ do: "start", config: this.#config, listen } satisfies ToChild)
    })
  }

  /** Workers first: the correlator still sees their last records. */
  async stop(): Promise<void> {
    if (this.#stopping) return
    this.#stopping = true
    this.#log.info({}, "stopping")
    const limitMs = this.#config.limits["drain-time"] + stopSlack
    const isCorrelator = (child: ChildProcess) =>
      child.spawnargs.some((arg) => arg.includes("correlator"))
    const children = [...this.#children]
    await Promise.all(
      children.filter((child) => !isCorrelator(child)).map((child) => end(child, limitMs)),
    )
    await Promise.all(children.filter(isCorrelator).map((child) => end(child, stopSlack)))
  }
}

function end(child: ChildProcess, limitMs: number): Promise<void> {
  return new Promise((resolve) => {
    const timer = setTimeout(() => child.kill("SIGKILL"), limitMs)
    child.once("exit", () => {
      clearTimeout(timer)
      resolve()
    })
    if (child.connected) child.send({ do: "stop" } satisfies ToChild)
    else child.kill("SIGKILL")
  })
}

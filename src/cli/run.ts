/**
 * `pinsensor run`: checks what can be wrong before anything starts, then keeps the processes alive
 * until a signal ends them in order; SIGHUP gives them another policy (docs/operations.md).
 */
import { isatty } from "node:tty"
import type { InspectionCa } from "../ca/inspection-ca.ts"
import { type Config, listenersOf } from "../config.ts"
import { openStore } from "../evidence/open.ts"
import { explicitName } from "../intercept/listeners.ts"
import type { Log } from "../intercept/log.ts"
import { connectionsWithin, descriptorLimit, descriptorsFor } from "./descriptors.ts"
import { configOf, readFlags } from "./flags.ts"
import { findCa } from "./inspection-ca.ts"
import { logTo, openLog } from "./log.ts"
import { CaWatch } from "./supervisor/ca-watch.ts"
import { checkStart } from "./supervisor/check-start.ts"
import { ClockWatch } from "./supervisor/clock-watch.ts"
import { DeclaredBypasses } from "./supervisor/declare-bypasses.ts"
import { Reload } from "./supervisor/reload.ts"
import { Supervisor } from "./supervisor/supervisor.ts"

/** How often the machine is looked at, in milliseconds. */
const watchEvery = 5_000
/** How long after a failure the declared bypasses are written again, in milliseconds. */
const declareEvery = 10_000

export async function run(args: readonly string[]): Promise<void> {
  // As process 1 of a container a signal that nobody listens for is lost, so this comes first.
  const ending = Promise.withResolvers<NodeJS.Signals>()
  for (const signal of ["SIGTERM", "SIGINT"] as const) process.on(signal, ending.resolve)
  // Until the configuration is read there is nothing that could be read again.
  let readAgain = () => {}
  onHangUp(ending.resolve, () => readAgain())

  const flags = readFlags(args)
  const config = configOf(flags)
  const log = openLog(config, "supervisor")
  const supervisor = new Supervisor(config, log)
  const declared = new DeclaredBypasses({
    open: () => openStore(config.data, { busyTimeoutMs: 1_000 }),
    file: flags.config ?? null,
    retryMs: declareEvery,
    clock: Date.now,
    log: logTo(log),
  })
  const reload = new Reload({
    config,
    read: () => configOf(flags),
    give: (next, revision) => supervisor.reload(next, revision),
    declare: (next) => declared.declare(next),
    log: logTo(log),
  })
  readAgain = () => reload.ask()

  // Past its end the CA stops the start only where it would stop all traffic as well.
  const validity = config.ca["on-expired"] === "splice" ? "watched" : "required"
  const { ca, created } = findCa(config, Date.now(), validity)
  if (created) log.info({ dir: config.ca.dir, issuing_ca: ca.fingerprint }, "inspection-ca-created")
  for (const warning of ca.warnings) log.warn({ warning }, "inspection-ca-warning")
  await checkStart(config)
  const watches = watchMachine(config, ca, logTo(log))

  // A second signal hurries nothing: the first one ends everything within the drain time.
  let stopped: Promise<void> | null = null
  ending.promise.then((signal) => {
    log.info({ signal }, "stopping")
    clearInterval(watches)
    reload.end()
    declared.close()
    stopped = supervisor.stop().then(() => {
      log.info({}, "stopped")
      process.exit(0)
    })
  })
  try {
    declared.declare(config)
    const bound = await supervisor.start(listenersOf(config))
    const listeners = Object.fromEntries(bound.map(({ name, listen }) => [name, listen]))
    const listen = listeners[explicitName] ?? null
    log.info({ listen, listeners, issuing_ca: ca.fingerprint, data: config.data }, "listening")
    reload.begin()
  } catch (error) {
    // A start that a signal broke off is no failure.
    await stopped
    throw error
  }
}

/** SIGHUP asks for the configuration to be read again; but a terminal that is closed sends it too,
 * and leaves nobody who could end the sensor. */
function onHangUp(end: (signal: "SIGHUP") => void, readAgain: () => void): void {
  const terminals = [0, 1, 2].filter((descriptor) => isatty(descriptor))
  process.on("SIGHUP", () => {
    const closed = terminals.some((descriptor) => !isatty(descriptor))
    if (closed) end("SIGHUP")
    else readAgain()
  })
}

/** What no child is asked to watch: the CA's end, the clock, and whether descriptors suffice. */
function watchMachine(config: Config, ca: InspectionCa, log: Log): NodeJS.Timeout {
  const clock = new ClockWatch({ wall: Date.now, monotonic: () => performance.now() }, log)
  const caEnd = new CaWatch({ ca, onExpired: config.ca["on-expired"], log })
  const { connections } = config.limits
  const descriptors = descriptorLimit()
  if (descriptors !== null && connectionsWithin(descriptors) < connections)
    log("warn", "descriptors-scarce", {
      descriptors,
      connections: connectionsWithin(descriptors),
      wanted: connections,
      needs: descriptorsFor(connections),
    })
  const look = () => {
    clock.look()
    caEnd.look(Date.now())
  }
  look()
  return setInterval(look, watchEvery).unref()
}

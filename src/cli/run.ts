/**
 * `pinsensor run`: checks what can be wrong before anything starts, then keeps the processes alive
 * until a signal ends them in order (docs/operations.md).
 */
import type { InspectionCa } from "../ca/inspection-ca.ts"
import { type Config, listenersOf } from "../config.ts"
import { explicitName } from "../intercept/listeners.ts"
import type { Log } from "../intercept/sensor-deps.ts"
import { CaWatch } from "./ca-watch.ts"
import { checkStart } from "./check-start.ts"
import { ClockWatch } from "./clock-watch.ts"
import { connectionsWithin, descriptorLimit, descriptorsFor } from "./descriptors.ts"
import { configFromFlags } from "./flags.ts"
import { findCa } from "./inspection-ca.ts"
import { logTo, openLog } from "./log.ts"
import { Supervisor } from "./supervisor.ts"

/** How often the machine is looked at, in milliseconds. */
const watchEvery = 5_000

export async function run(args: readonly string[]): Promise<void> {
  // As process 1 of a container a signal that nobody listens for is lost, so this comes first.
  const ending = Promise.withResolvers<NodeJS.Signals>()
  for (const signal of ["SIGTERM", "SIGINT", "SIGHUP"] as const) process.on(signal, ending.resolve)

  const config = configFromFlags(args)
  const log = openLog(config, "supervisor")
  // Past its end the CA stops the start only where it would stop all traffic as well.
  const validity = config.ca["on-expired"] === "splice" ? "watched" : "required"
  const { ca, created } = findCa(config, Date.now(), validity)
  if (created) log.info({ dir: config.ca.dir, issuing_ca: ca.fingerprint }, "inspection-ca-created")
  for (const warning of ca.warnings) log.warn({ warning }, "inspection-ca-warning")
  await checkStart(config)
  const watches = watchMachine(config, ca, logTo(log))

  const supervisor = new Supervisor(config, log)
  // A second signal hurries nothing: the first one ends everything within the drain time.
  let stopped: Promise<void> | null = null
  ending.promise.then((signal) => {
    log.info({ signal }, "stopping")
    clearInterval(watches)
    stopped = supervisor.stop().then(() => {
      log.info({}, "stopped")
      process.exit(0)
    })
  })
  try {
    const bound = await supervisor.start(listenersOf(config))
    const listeners = Object.fromEntries(bound.map(({ name, listen }) => [name, listen]))
    const listen = listeners[explicitName] ?? null
    log.info({ listen, listeners, issuing_ca: ca.fingerprint, data: config.data }, "listening")
  } catch (error) {
    // A start that a signal broke off is no failure.
    await stopped
    throw error
  }
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

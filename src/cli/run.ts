/**
 * `pinsensor run`: checks what can be wrong before anything starts, then keeps the processes alive
 * until a signal ends them in order (docs/operations.md).
 */
import { endpoint } from "../config.ts"
import { checkStart } from "./check-start.ts"
import { configFromFlags } from "./flags.ts"
import { findCa } from "./inspection-ca.ts"
import { openLog } from "./log.ts"
import { Supervisor } from "./supervisor.ts"

export async function run(args: readonly string[]): Promise<void> {
  // As process 1 of a container a signal that nobody listens for is lost, so this comes first.
  const ending = Promise.withResolvers<NodeJS.Signals>()
  for (const signal of ["SIGTERM", "SIGINT", "SIGHUP"] as const) process.on(signal, ending.resolve)

  const config = configFromFlags(args)
  const log = openLog(config, "supervisor")
  const { ca, created } = findCa(config, Date.now())
  if (created) log.info({ dir: config.ca.dir, issuing_ca: ca.fingerprint }, "inspection-ca-created")
  for (const warning of ca.warnings) log.warn({ warning }, "inspection-ca-warning")
  await checkStart(config)

  const supervisor = new Supervisor(config, log)
  // A second signal hurries nothing: the first one ends everything within the drain time.
  let stopped: Promise<void> | null = null
  ending.promise.then((signal) => {
    log.info({ signal }, "stopping")
    stopped = supervisor.stop().then(() => {
      log.info({}, "stopped")
      process.exit(0)
    })
  })
  try {
    const { host, port } = await supervisor.start(endpoint(config.listen))
    const listen = `${host.includes(":") ? `[${host}]` : host}:${port}`
    log.info({ listen, issuing_ca: ca.fingerprint, data: config.data }, "listening")
  } catch (error) {
    // A start that a signal broke off is no failure.
    await stopped
    throw error
  }
}

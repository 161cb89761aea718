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
  const config = configFromFlags(args)
  const log = openLog(config, "supervisor")
  const { ca, created } = findCa(config, Date.now())
  if (created) log.info({ dir: config.ca.dir, issuing_ca: ca.fingerprint }, "inspection-ca-created")
  for (const warning of ca.warnings) log.warn({ warning }, "inspection-ca-warning")
  await checkStart(config)

  const supervisor = new Supervisor(config, log)
  let stopped: Promise<void> | null = null
  // A second signal hurries nothing: the first one ends everything within the drain time.
  const stop = (signal: NodeJS.Signals) => {
    if (stopped) return
    log.info({ signal }, "stopping")
    stopped = supervisor.stop().then(() => {
      log.info({}, "stopped")
      process.exit(0)
    })
  }
  for (const signal of ["SIGTERM", "SIGINT", "SIGHUP"] as const) process.on(signal, stop)
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

/** What the supervisor and its processes tell each other. */
import type { Config } from "../config.ts"

export type ToChild =
  | { do: "start"; config: Config; listen: { host: string; port: number } }
  /** End in order: finish what is open within the configured time. */
  | { do: "stop" }

export type FromChild = { is: "ready"; host: string; port: number } | { is: "failed"; why: string }

export function tellParent(message: FromChild): void {
  process.send?.(message)
}

/**
 * Runs a child process: starts on the supervisor's word and stops on it, or when the supervisor is
 * gone. Signals of the terminal go to the supervisor, which decides.
 */
export function childProcess(
  start: (
    config: Config,
    listen: { host: string; port: number },
  ) => Promise<{ stop(): Promise<void> }>,
): void {
  let running: Promise<{ stop(): Promise<void> }> | null = null
  let stopping = false
  const stop = async () => {
    if (stopping) return
    stopping = true
    await running?.then((child) => child.stop()).catch(() => {})
    process.exit(0)
  }
  process.on("SIGINT", () => {})
  process.on("SIGTERM", () => {})
  process.on("disconnect", stop)
  process.on("message", (message: ToChild) => {
    if (message.do === "stop") return stop()
    running = start(message.config, message.listen)
    running.catch((error) => {
      tellParent({ is: "failed", why: error instanceof Error ? error.message : String(error) })
      process.exitCode = 1
      setTimeout(() => process.exit(1), 50)
    })
  })
}

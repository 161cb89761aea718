/**
 * One listener as a source: opens it, again and again if it cannot be opened, and closes it.
 *
 * Nothing else of the sensor ends when it fails.
 */
import type { Source, SourceLog } from "../source/source.ts"
import type { Intake } from "./intake.ts"
import type { Route } from "./listener/route.ts"
import { TelemetryServer } from "./listener/server.ts"
import type { ListenerSettings } from "./listener/settings.ts"

/** A listener that could not be opened is tried again after so long, in milliseconds. */
const openAgain = 1_000

export interface ReceiverParts {
  /** The setting it is made of: `sources.webhook`. */
  at: string
  settings: ListenerSettings
  routes: readonly Route[]
  /** Whose health tells of the listener itself. */
  listener: Intake
  /** All whose events come in here, the listener's own included. */
  intakes: readonly Intake[]
  clock: () => number
  log: SourceLog
}

export interface Receiver extends Source {
  start(): Promise<void>
  /** HOST:PORT; null while it is not open. */
  listen(): string | null
}

export function receiver(parts: ReceiverParts): Receiver {
  const { at, listener, intakes, log } = parts
  let server: TelemetryServer | null = null
  let again: NodeJS.Timeout | null = null
  let stopped = false
  let told = false

  const start = async () => {
    let next: TelemetryServer | null = null
    try {
      next = new TelemetryServer({
        ...parts,
        healthy: () => intakes.every(({ healthy }) => healthy),
        refused: () => listener.refused(),
      })
      await next.open()
      server = next
      for (const intake of intakes) intake.ready()
      const { settings } = parts
      log("info", "telemetry-listening", {
        source: at,
        listen: next.listen,
        tls: settings.tls !== null,
      })
    } catch (error) {
      await next?.close()
      const reason = error instanceof Error ? error.message : String(error)
      listener.failing(`it does not listen: ${reason}`)
      if (!told) log("error", "telemetry-not-listening", { source: at, reason })
      told = true
      if (!stopped) again = setTimeout(start, openAgain)
    }
  }
  return {
    start,
    listen: () => server?.listen ?? null,
    stop: async () => {
      stopped = true
      if (again) clearTimeout(again)
      await server?.close()
      for (const intake of intakes) intake.close()
    },
  }
}

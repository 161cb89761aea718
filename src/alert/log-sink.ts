/** The sink where no syslog receiver is configured: alerts go to the log, under the event `alert`. */
import type { Logger } from "pino"
import type { AlertSink, Outbox } from "./send.ts"

/** The sink's name in the outbox. */
export const LOG_SINK = "log"

/** Rows in hand at once. */
const BATCH = 256

export interface LogSinkParts {
  outbox: Outbox
  log: Logger
  /** Epoch milliseconds. */
  now: () => number
  pollMs?: number
}

export class LogSink implements AlertSink {
  readonly #parts: LogSinkParts
  #poll: NodeJS.Timeout | null = null

  constructor(parts: LogSinkParts) {
    this.#parts = parts
  }

  start(): void {
    if (this.#poll) return
    this.#poll = setInterval(() => this.wake(), this.#parts.pollMs ?? 1_000)
    this.#poll.unref()
    this.wake()
  }

  /** A row is marked only after its line was given to the log: a failing outbox repeats lines. */
  wake(): void {
    const { outbox, log, now } = this.#parts
    try {
      for (;;) {
        const rows = outbox.due(LOG_SINK, now(), BATCH)
        if (rows.length === 0) return
        for (const { seq, alert } of rows) {
          log.warn({ alert }, "alert")
          outbox.sent(seq, now())
        }
      }
    } catch (err) {
      log.error({ err }, "outbox-unavailable")
    }
  }

  async close(_deadlineMs: number): Promise<void> {
    if (this.#poll) clearInterval(this.#poll)
    this.#poll = null
    this.wake()
  }
}

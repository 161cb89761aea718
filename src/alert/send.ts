/**
 * Empties the outbox into one sink.
 *
 * In: rows of the durable outbox, in order. Out: the same alerts at the receiver, at least once, in order.
 * It must not know where rows are stored, nor why an alert was raised.
 *
 * A row is marked as sent only after delivery, so an absent receiver, a crash or a kill -9 loses no
 * alert; it may come twice, under the same id.
 */
import type { Logger } from "pino"
import type { Alert } from "../record/alert.ts"
import { type Backoff, backoffMs } from "./backoff.ts"
import { openDatagramLink } from "./datagram-link.ts"
import { type Link, type LinkTiming, pause } from "./link.ts"
import { type SyslogOrigin, syslogMessage } from "./rfc5424.ts"
import type { SyslogSettings } from "./settings.ts"
import { openStreamLink } from "./stream-link.ts"

export interface OutboxRow {
  seq: number
  alert: Alert
}

/** The durable queue, given by whoever stores it. */
export interface Outbox {
  /** Rows of this sink that wait, lowest `seq` first. */
  due(sink: string, now: number, limit: number): OutboxRow[]
  sent(seq: number, now: number): void
  /** A try failed; `nextMs` is the epoch millisecond from which `due` gives the row again. */
  failed(seq: number, nextMs: number, error: string): void
}

export interface AlertSink {
  start(): void
  /** There may be new rows; cheap, and may be called at any time. */
  wake(): void
  /** Sends what can be sent within the deadline, then lets go. What is left stays in the outbox. */
  close(deadlineMs: number): Promise<void>
}

export interface SenderTiming extends LinkTiming {
  /** How often the outbox is asked without being woken. */
  pollMs: number
  backoff: Backoff
}

export const SENDER_TIMING: SenderTiming = {
  connectMs: 10_000,
  writeMs: 30_000,
  graceMs: 500,
  pollMs: 1_000,
  backoff: { firstMs: 500, maxMs: 60_000 },
}

/**
 * Rows in hand at once: the bound on memory (256 x 8000 bytes), on what a lost connection sends twice, and with
 * the grace on the pace (about 500 messages a second). UDP has no flow control, so its pace is what a
 * receiver's socket buffer takes (16 x 2048 bytes).
 */
const BATCH = { udp: 16, tcp: 256, tls: 256 } as const

export interface SenderParts {
  /** The sink's name in the outbox. */
  sink: string
  settings: SyslogSettings
  outbox: Outbox
  origin: SyslogOrigin
  log: Logger
  /** Epoch milliseconds. */
  now: () => number
  /** In [0, 1). */
  random: () => number
  timing?: Partial<SenderTiming>
}

export class SyslogSender implements AlertSink {
  readonly #parts: SenderParts
  readonly #timing: SenderTiming
  readonly #abort = new AbortController()
  #link: Link | null = null
  #batch: number
  /** Failures in a row. */
  #failures = 0
  #lastError: string | null = null
  #sentTotal = 0
  #failedTotal = 0
  #running: Promise<void> | null = null
  #wokenMeanwhile = false
  #retry: NodeJS.Timeout | null = null
  #poll: NodeJS.Timeout | null = null
  #closing = false

  constructor(parts: SenderParts) {
    this.#parts = parts
    this.#timing = { ...SENDER_TIMING, ...parts.timing }
    this.#batch = BATCH[parts.settings.transport]
  }

  /** For metrics and health. Both totals count from the start of the process. */
  status(): {
    reachable: boolean
    last_error: string | null
    sent_total: number
    failed_total: number
  } {
    return {
      reachable: this.#failures === 0,
      last_error: this.#lastError,
      sent_total: this.#sentTotal,
      failed_total: this.#failedTotal,
    }
  }

  start(): void {
    if (this.#poll || this.#closing) return
    this.#poll = setInterval(() => this.wake(), this.#timing.pollMs)
    this.#poll.unref()
    this.wake()
  }

  wake(): void {
    if (this.#closing || this.#retry) return
    if (this.#running) this.#wokenMeanwhile = true
    else this.#run()
  }

  async close(deadlineMs: number): Promise<void> {
    if (this.#closing) return
    this.#closing = true
    if (this.#poll) clearInterval(this.#poll)
    if (this.#retry) clearTimeout(this.#retry)
    this.#retry = null
    const last = this.#running ?? this.#run()
    await pause(
      deadlineMs,
      last.then(() => Promise.reject(new Error("drained"))),
    ).catch(() => {})
    this.#abort.abort(new Error("the sensor is stopping"))
    if (this.#running) this.#link?.destroy()
    else this.#link?.close()
    await last
  }

  #run(): Promise<void> {
    this.#running = this.#drain()
      .catch((fault) => this.#onFailure(fault))
      .finally(() => {
        this.#running = null
        if (this.#wokenMeanwhile) this.wake()
        this.#wokenMeanwhile = false
      })
    return this.#running
  }

  /** Batches, strictly one after the other, so that the order of the outbox is kept. */
  async #drain(): Promise<void> {
    const { sink, settings, outbox, origin, now } = this.#parts
    for (;;) {
      this.#abort.signal.throwIfAborted()
      const rows = outbox.due(sink, now(), this.#batch)
      const [head] = rows
      if (!head) return this.#onIdle()
      try {
        const link = await this.#usableLink()
        await link.deliver(rows.map((row) => syslogMessage(row.alert, settings, origin)))
      } catch (cause) {
        // Due again at once: the wait is ours, so that no later row overtakes this one.
        outbox.failed(head.seq, now(), text(cause))
        throw cause
      }
      for (const row of rows) outbox.sent(row.seq, now())
      this.#onSuccess(rows.length)
    }
  }

  async #usableLink(): Promise<Link> {
    if (this.#link?.usable) return this.#link
    this.#link?.destroy()
    this.#link = null
    const open = this.#parts.settings.transport === "udp" ? openDatagramLink : openStreamLink
    this.#link = await open(this.#parts.settings, this.#timing, this.#abort.signal)
    return this.#link
  }

  /** Over UDP no news tells that a receiver moved, so its name is resolved anew for each burst. */
  #onIdle(): void {
    if (this.#parts.settings.transport !== "udp") return
    this.#link?.close()
    this.#link = null
  }

  #onSuccess(messages: number): void {
    const { settings, sink, log } = this.#parts
    if (this.#failures > 0) log.info({ sink, failures: this.#failures }, "syslog-receiver-back")
    this.#failures = 0
    this.#lastError = null
    this.#sentTotal += messages
    if (this.#link?.usable) this.#batch = Math.min(BATCH[settings.transport], this.#batch * 2)
  }

  /** One message at a time next: a receiver that hangs up after each still gets on. */
  #onFailure(fault: unknown): void {
    this.#link?.destroy()
    this.#link = null
    this.#batch = 1
    if (this.#closing) return
    const { sink, log, random } = this.#parts
    this.#failures += 1
    this.#failedTotal += 1
    this.#lastError = text(fault)
    const retryMs = backoffMs(this.#failures, this.#timing.backoff, random())
    if (this.#failures === 1) log.warn({ sink, error: text(fault) }, "syslog-receiver-lost")
    this.#wokenMeanwhile = false
    this.#retry = setTimeout(() => {
      this.#retry = null
      this.wake()
    }, retryMs)
    this.#retry.unref()
  }
}

/** At most 500 characters of what went wrong. */
function text(fault: unknown): string {
  return (fault instanceof Error ? fault.message || fault.name : String(fault)).slice(0, 500)
}

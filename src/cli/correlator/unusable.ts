/**
 * What cannot be judged: a record that breaks the join, a device whose evidence breaks an analytic.
 * It is told once and passed by, so that it does not stop the judgement of all the others; the
 * facts stay stored, and are tried again after the next start.
 */
import type { Log } from "../../intercept/log.ts"

/** Records and devices remembered, 100 bytes each; the oldest goes, and may be told again. */
const most = 10_000

export class Unusable {
  readonly #log: Log
  readonly #records = new Set<string>()
  readonly #devices = new Map<string, string>()
  readonly #leftOut = new Set<string>()

  constructor(log: Log) {
    this.#log = log
  }

  record(id: string, error: unknown): void {
    if (this.#records.has(id)) return
    this.#records.add(id)
    if (this.#records.size > most) forgetOldest(this.#records)
    this.#log("error", "record-unusable", { id, reason: reasonOf(error) })
  }

  has(record: { id: string }): boolean {
    return this.#records.has(record.id)
  }

  /** A device has more app events than are looked at: told once, by how many are. */
  eventsLeftOut(deviceId: string, lookedAt: number): void {
    if (this.#leftOut.has(deviceId)) return
    this.#leftOut.add(deviceId)
    if (this.#leftOut.size > most) forgetOldest(this.#leftOut)
    this.#log("warn", "app-events-left-out", { device_id: deviceId, looked_at: lookedAt })
  }

  /** Each new reason is told; the device is tried again with its next record. */
  device(deviceId: string, error: unknown): void {
    const reason = reasonOf(error)
    if (this.#devices.get(deviceId) === reason) return
    this.#devices.set(deviceId, reason)
    if (this.#devices.size > most) forgetOldest(this.#devices)
    this.#log("error", "judgement-failed", { device_id: deviceId, reason })
  }
}

function reasonOf(error: unknown): string {
  return error instanceof Error ? (error.stack ?? error.message) : String(error)
}

function forgetOldest(memory: Pick<Map<string, unknown>, "keys" | "delete">): void {
  const [oldest] = memory.keys()
  if (oldest !== undefined) memory.delete(oldest)
}

/**
 * Apps that stay broken because they are inspected. In: who is broken now, as each step of control
 * says. Out: a log event for each once a day, and the devices whose time has come.
 */
import type { Log } from "../../intercept/log.ts"
import type { BrokenApp } from "../../policy/trial/broken.ts"

const day = 86_400_000
const hour = 3_600_000

/** Keys remembered, some 300 bytes each; the one untouched longest goes, and may be told again. */
const most = 10_000
/** So many are told an hour: a fleet with one trouble is told in examples, and by its findings. */
const mostAnHour = 100
/** One of which nothing was heard for so long is not looked at again for its time alone. */
const forgottenAfter = day

interface Known {
  device_id: string
  due_ms: number
  seen_ms: number
  looked: boolean
  told_ms: number | null
}

export class BrokenWatch {
  readonly #log: Log
  readonly #known = new Map<string, Known>()
  #hour = { began: Number.NEGATIVE_INFINITY, told: 0 }

  constructor(log: Log) {
    this.#log = log
  }

  /** After the commit; `now` in epoch milliseconds. */
  note(broken: readonly BrokenApp[], now: number): void {
    for (const app of broken) {
      const before = this.#known.get(app.key)
      const { device_id, due_ms } = app
      const told = due_ms <= now && this.#mayTell(before?.told_ms ?? null, now)
      if (told) this.#tell(app)
      this.#known.delete(app.key)
      this.#known.set(app.key, {
        device_id,
        due_ms,
        seen_ms: now,
        looked: due_ms <= now,
        told_ms: told ? now : (before?.told_ms ?? null),
      })
      if (this.#known.size <= most) continue
      const [oldest] = this.#known.keys()
      if (oldest !== undefined) this.#known.delete(oldest)
    }
  }

  /** Devices to judge again because the time of an app of theirs is over, each once. */
  due(now: number): string[] {
    const devices: string[] = []
    for (const [key, known] of this.#known) {
      if (known.seen_ms < now - forgottenAfter && known.due_ms < now) this.#known.delete(key)
      if (known.looked || known.due_ms > now) continue
      known.looked = true
      devices.push(known.device_id)
    }
    return devices
  }

  #mayTell(told: number | null, now: number): boolean {
    if (told !== null && now - told < day && now >= told) return false
    if (now - this.#hour.began >= hour || now < this.#hour.began)
      this.#hour = { began: now, told: 0 }
    this.#hour.told += 1
    return this.#hour.told <= mostAnHour
  }

  #tell({ device_id, stack, sni, app_id, verdict, since_ms, why }: BrokenApp): void {
    const since = new Date(since_ms).toISOString()
    this.#log("warn", "app-broken-long", { device_id, sni, stack, app_id, verdict, since, why })
  }
}

/**
 * Polls one MDM: full sweeps at a slow cadence, changes at a fast one, never two at once.
 *
 * It owns the only timer and ends with it. A sweep that fails is told as health and goes on from its
 * last page after a while; one that fails again and again at the same page begins anew.
 */
import { setTimeout as sleep } from "node:timers/promises"
import type { Source, SourceParts } from "../../source/source.ts"
import type { MdmConnector } from "./connector.ts"
import { MdmFault } from "./mdm-fault.ts"
import { type MdmPlace, placeOf } from "./place.ts"
import { nextSweep } from "./schedule.ts"
import type { MdmSettings } from "./settings.ts"
import { sweep } from "./sweep.ts"

/** After a failure, in milliseconds; doubles with each further one. */
const firstWait = 15_000
const longestWait = 15 * 60_000
/** A server that asks for a longer wait is asked again all the same, in milliseconds: else one absurd
 * `Retry-After` would silence it until a restart. */
const longestAsked = 3_600_000
/** Failures at one page before the sweep begins anew. */
const mostAtOnePage = 4
/** A sweep that was left so long ago begins anew: pages are forgotten, and devices have moved. */
const longestPause = 24 * 3_600_000
/** Longest wait of a timer: times are looked at again at least so often. */
const longestSleep = 60_000

export interface PollerParts extends SourceParts {
  settings: Pick<MdmSettings, "full-every" | "changed-every" | "max-devices">
  connector: MdmConnector
  /** First wait after a failure, in milliseconds; for tests. */
  retryMs?: number
}

export function mdmSource(parts: PollerParts): Source {
  return new MdmPoller(parts)
}

/** Owned state: the sweep under way, and what failed. */
class MdmPoller implements Source {
  readonly #parts: PollerParts
  readonly #stopping = new AbortController()
  #run: Promise<void> | null = null
  #failures = 0
  #failedAt = ""
  #lastError = ""

  constructor(parts: PollerParts) {
    this.#parts = parts
  }

  start(): void {
    this.#run ??= this.#poll()
  }

  async stop(): Promise<void> {
    this.#stopping.abort()
    await this.#run
    this.#parts.connector.close()
  }

  /** Ends only when it is stopped. */
  async #poll(): Promise<void> {
    const { signal } = this.#stopping
    while (!signal.aborted) {
      try {
        await this.#next(signal)
      } catch (error) {
        if (signal.aborted) return
        await this.#pause(this.#failed(error), signal)
      }
    }
  }

  /** Waits for the sweep that is due, and makes it. */
  async #next(signal: AbortSignal): Promise<void> {
    const { keeper, clock, settings, connector } = this.#parts
    const place = this.#place(keeper.place(), clock())
    const due = nextSweep(place, settings, clock())
    const wait = due.at - clock()
    if (wait > 0) return this.#pause(wait, signal)
    const began = clock()
    keeper.tell({ last_try_at: new Date(began).toISOString() })
    const parts = { ...this.#parts, maxDevices: settings["max-devices"] }
    const swept = await sweep(place, due.sweep, parts, signal)
    this.#failures = 0
    this.#failedAt = this.#lastError = ""
    const { rejected, rejected_because } = swept.place
    keeper.tell({
      state: "ok",
      last_ok_at: new Date(clock()).toISOString(),
      last_error: null,
      progress: null,
      rejected,
      rejected_because,
    })
    const { devices, added } = swept
    const told = {
      source: this.#parts.name,
      mdm: connector.kind,
      sweep: due.sweep.of,
      devices,
      added,
    }
    const refused = rejected - place.rejected
    const why = refused > 0 ? { rejected: refused, rejected_because } : {}
    this.#parts.log(refused > 0 ? "warn" : "info", "mdm-sweep-done", {
      ...told,
      ...why,
      took_ms: clock() - began,
    })
  }

  /** The place to go on from: the stored one, unless its sweep is past going on. */
  #place(stored: unknown, now: number): MdmPlace {
    const place = placeOf(stored)
    const { sweep: left } = place
    if (left === null) return place
    const old = now - left.began_at > longestPause || left.began_at > now
    const stuck = this.#failures >= mostAtOnePage && this.#failedAt === JSON.stringify(left.cursor)
    if (!old && !stuck) return place
    this.#failures = Math.min(this.#failures, mostAtOnePage - 1)
    return { ...place, sweep: null }
  }

  /** Tells the failure and says how long to wait, in milliseconds. */
  #failed(error: unknown): number {
    const { keeper, random, log, name, retryMs = firstWait } = this.#parts
    const message = (error instanceof Error ? error.message : String(error)).slice(0, 400)
    this.#failures++
    try {
      this.#failedAt = JSON.stringify(placeOf(keeper.place()).sweep?.cursor ?? null)
      keeper.tell({ state: "failing", last_error: message })
    } catch {
      // The store itself is what fails: the next attempt tells.
    }
    const asked = error instanceof MdmFault ? Math.min(longestAsked, error.retryAfterMs ?? 0) : 0
    const full = Math.min(longestWait, retryMs * 2 ** Math.min(20, this.#failures - 1))
    const wait = Math.max(asked, full / 2 + (full / 2) * random())
    const level = message === this.#lastError ? "debug" : "warn"
    this.#lastError = message
    log(level, "mdm-sweep-failed", {
      source: name,
      because: message,
      again_in_ms: Math.round(wait),
    })
    return wait
  }

  async #pause(ms: number, signal: AbortSignal): Promise<void> {
    const until = this.#parts.clock() + ms
    for (let left = ms; left > 0 && !signal.aborted; left = until - this.#parts.clock()) {
      if (left > ms) return // the clock was set back
      await sleep(Math.min(left, longestSleep), undefined, { signal }).catch(() => {})
    }
  }
}

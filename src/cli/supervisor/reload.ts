/**
 * Takes over another policy while the sensor runs (SIGHUP). Comes in: the configuration as it would be
 * read at a start; goes out: its rules, control settings and lists, to every process. Connections that
 * exist go on under the decision they got.
 *
 * A configuration that cannot be read or is broken anywhere leaves the old policy in force, in all
 * processes: fails closed, and says so.
 */
import { type Config, policyRevision } from "../../config.ts"
import type { Log } from "../../intercept/log.ts"
import { keysForRestart, policyChange, withPolicyOf } from "./config-change.ts"

export interface ReloadParts {
  /** In force since the start. */
  config: Config
  /** Reads the configuration again; throws what is wrong with it, in words. */
  read: () => Config
  /** Gives it to the processes; says how many took it, of how many. */
  give: (config: Config, revision: string) => Promise<{ taken: number; of: number }>
  /** Before that: the register declares a bypass before anything uses it, or its use would be lost. */
  declare: (config: Config) => void
  log: Log
}

/** Owned state: what is in force, and whether somebody waits for a reload. */
export class Reload {
  readonly #parts: ReloadParts
  #current: Config
  #asked = false
  #state: "starting" | "idle" | "reloading" | "ended" = "starting"

  constructor(parts: ReloadParts) {
    this.#parts = parts
    this.#current = parts.config
  }

  /** At any time. One at a time is done; asked for meanwhile, however often, it is done once more. */
  ask(): void {
    this.#asked = true
    if (this.#state === "idle") this.#work()
  }

  /** The processes are there: what was asked for while they started is done now. */
  begin(): void {
    if (this.#state !== "starting") return
    this.#state = "idle"
    if (this.#asked) this.#work()
  }

  /** The sensor stops: from here on nothing is done. */
  end(): void {
    this.#state = "ended"
  }

  async #work(): Promise<void> {
    this.#state = "reloading"
    while (this.#asked && !this.#ended) {
      this.#asked = false
      await this.#once()
    }
    if (!this.#ended) this.#state = "idle"
  }

  get #ended(): boolean {
    return this.#state === "ended"
  }

  async #once(): Promise<void> {
    const { config, read, give, declare, log } = this.#parts
    let wanted: Config
    try {
      wanted = read()
    } catch (error) {
      const reason = error instanceof Error ? error.message : String(error)
      return log("error", "config-unusable", { reason, revision: policyRevision(this.#current) })
    }
    const keys = keysForRestart(config, wanted)
    if (keys.length > 0) log("warn", "config-needs-restart", { keys })
    const next = withPolicyOf(config, wanted)
    const change = policyChange(this.#current, next)
    const revision = policyRevision(next)
    this.#current = next
    declare(next)
    const { taken, of } = await give(next, revision)
    if (this.#ended) return
    const level = taken < of ? "warn" : "info"
    log(level, "policy-reloaded", { revision, processes: taken, of, ...change })
  }
}

/**
 * Policy as it stands now: the configured rules and the register, prepared again when the register
 * changes. Fails closed: a register that cannot be read leaves the last one in force, whose entries
 * end by themselves.
 */
import type { Config } from "../config.ts"
import type { Store } from "../evidence/store.ts"
import type { Log } from "../intercept/sensor-deps.ts"
import { errorCode } from "../intercept/tls-error.ts"
import { type Policy, preparePolicy } from "../policy/prepare.ts"
import type { TrialUse } from "../policy/trial-use.ts"
import { ClientDevices } from "./client-devices.ts"

/** A change is noticed within this time, in milliseconds; looking costs some microseconds. */
const lookEvery = 200

export interface PolicyWatchParts {
  /** Opens the store, and again when another file has taken its place. */
  open: () => Store
  config: Config
  trials: TrialUse
  log: Log
}

export class PolicyWatch {
  readonly #parts: PolicyWatchParts
  readonly #timer: NodeJS.Timeout
  /** Who is behind an address, as far as policy asks. */
  readonly clients: ClientDevices
  /** Null while it cannot be opened: traffic goes on under the configured rules alone. */
  #store: Store | null = null
  /** What was seen of the store when it was last read; -1: nothing of this file. */
  #data = -1
  #revision = -1
  #trouble = false
  #policy: Policy

  constructor(parts: PolicyWatchParts) {
    this.#parts = parts
    this.clients = new ClientDevices(parts.config, parts.log)
    this.#policy = preparePolicy(parts.config, [], parts.trials)
    this.#look()
    this.#timer = setInterval(() => this.#look(), lookEvery)
  }

  get current(): Policy {
    return this.#policy
  }

  close(): void {
    clearInterval(this.#timer)
    this.#store?.close()
  }

  #look(): void {
    const { log } = this.#parts
    try {
      const store = this.#store?.inPlace() ? this.#store : this.#open()
      const data = store.dataVersion()
      if (data === this.#data) return
      const revision = store.registerRevision()
      if (revision !== this.#revision) this.#take(store, revision)
      // Only now: a change whose reading failed is looked at again.
      this.#data = data
      if (this.#trouble) log("info", "register-readable", {})
      this.#trouble = false
    } catch (error) {
      if (!this.#trouble) log("error", "register-unreadable", { reason: errorCode(error) })
      this.#trouble = true
    }
  }

  /** At first, and when another file has taken the place of the store. */
  #open(): Store {
    const store = this.#parts.open()
    this.#store?.close()
    this.#store = store
    this.#data = -1
    this.#revision = -1
    this.clients.readFrom(store)
    return store
  }

  #take(store: Store, revision: number): void {
    const { config, trials, log } = this.#parts
    const entries = store.registerEntries(Date.now())
    this.#policy = preparePolicy(config, entries, trials)
    this.clients.registerIs(entries)
    trials.keep(new Set(entries.map(({ id }) => id)))
    this.#revision = revision
    log("info", "register-changed", { entries: entries.length, faults: this.#policy.faults })
  }
}

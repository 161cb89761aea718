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

/** A change is noticed within this time, in milliseconds; looking costs a microsecond. */
const lookEvery = 200

export class PolicyWatch {
  readonly #store: Store
  readonly #config: Config
  readonly #trials: TrialUse
  readonly #log: Log
  readonly #timer: NodeJS.Timeout
  /** Who is behind an address, as far as the register asks. */
  readonly clients: ClientDevices
  #data = -1
  #revision = -1
  #trouble = false
  #policy: Policy

  constructor(store: Store, config: Config, trials: TrialUse, log: Log) {
    this.#store = store
    this.#config = config
    this.#trials = trials
    this.#log = log
    this.clients = new ClientDevices(store, config)
    this.#policy = preparePolicy(config, [], trials)
    this.#look()
    this.#timer = setInterval(() => this.#look(), lookEvery)
  }

  get current(): Policy {
    return this.#policy
  }

  close(): void {
    clearInterval(this.#timer)
  }

  #look(): void {
    try {
      const data = this.#store.dataVersion()
      if (data === this.#data) return
      this.#data = data
      const revision = this.#store.registerRevision()
      if (revision !== this.#revision) this.#take(revision)
      this.#trouble = false
    } catch (error) {
      if (!this.#trouble) this.#log("error", "register-unreadable", { reason: errorCode(error) })
      this.#trouble = true
    }
  }

  #take(revision: number): void {
    const entries = this.#store.registerEntries(Date.now())
    this.#policy = preparePolicy(this.#config, entries, this.#trials)
    this.clients.registerIs(entries)
    this.#trials.keep(new Set(entries.map(({ id }) => id)))
    this.#revision = revision
    this.#log("info", "register-changed", { entries: entries.length, faults: this.#policy.faults })
  }
}

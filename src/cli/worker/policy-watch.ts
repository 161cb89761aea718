/**
 * Policy as it stands now: the configured rules and lists, and the register as it is stored. Of a
 * register that changes only the changes are read. Fails closed: one that cannot be read leaves the last
 * one in force, whose entries end by themselves.
 */
import { type Config, policySettings } from "../../config.ts"
import type { Store } from "../../evidence/store.ts"
import type { Log } from "../../intercept/log.ts"
import { errorCode } from "../../intercept/tls-error.ts"
import {
  changeRegister,
  dropEnded,
  type Policy,
  preparePolicy,
  withSettings,
} from "../../policy/prepare.ts"
import type { TrialUse } from "../../policy/trial/trial-use.ts"
import type { RegisterEntry } from "../../record/register-entry.ts"
import { ClientDevices } from "./client-devices.ts"

/** A change is noticed within this time, in milliseconds; looking costs some microseconds. */
const lookEvery = 200
/** Entries that have ended are forgotten so often, in milliseconds. */
const dropEvery = 60_000
/** A clock that goes back by more has been set, in milliseconds. */
const setBack = 1_000
/** Changes that are read at a time, at some 80 us each; between two times traffic has its turn. */
const changesAtOnce = 100

export interface PolicyWatchParts {
  /** Opens the store, and again when another file has taken its place. */
  open: () => Store
  config: Config
  trials: TrialUse
  log: Log
}

export class PolicyWatch {
  readonly #parts: PolicyWatchParts
  readonly #timers: NodeJS.Timeout[]
  /** Who is behind an address, as far as policy asks. */
  readonly clients: ClientDevices
  /** Null while it cannot be opened: traffic goes on under the configured rules alone. */
  #store: Store | null = null
  /** What was seen of the store when it was last looked at; -1: nothing of this file. */
  #data = -1
  /** The newest change of the register that is in force here; -1: nothing of this file. */
  #seq = -1
  /** What was read of changes that are not all read yet. */
  #reading = { changed: 0, tookMs: 0 }
  #trouble = false
  /** Some device is a person's own: else nobody need be asked whose an address is. */
  #anyPersonal = false
  /** The newest statement on a device that was looked at. */
  #devices = -1
  /** By the wall clock, in epoch milliseconds. */
  #lookedAt = Number.NEGATIVE_INFINITY
  #closed = false
  #config: Config
  #policy: Policy

  constructor(parts: PolicyWatchParts) {
    this.#parts = parts
    this.#config = parts.config
    this.#policy = preparePolicy(policySettings(parts.config), [], parts.trials)
    const asked = () => this.#policy.asks_device || this.#guardsPersonal
    this.clients = new ClientDevices(parts.config, parts.log, asked)
    this.#look()
    this.#timers = [
      setInterval(() => this.#look(), lookEvery),
      setInterval(() => dropEnded(this.#policy, Date.now()), dropEvery),
    ]
  }

  get current(): Policy {
    return this.#policy
  }

  /** From the next decision on these rules, lists and control settings hold. What it throws leaves the
   * old ones in force. */
  reload(config: Config): void {
    this.#policy = withSettings(this.#policy, policySettings(config))
    this.#config = config
  }

  get #guardsPersonal(): boolean {
    return this.#anyPersonal && this.#policy.personal_devices === "splice"
  }

  close(): void {
    this.#closed = true
    for (const timer of this.#timers) clearInterval(timer)
    this.#store?.close()
  }

  #look(): void {
    const { log } = this.#parts
    try {
      const store = this.#store?.inPlace() ? this.#store : this.#open()
      const now = Date.now()
      // What seemed to have ended was forgotten.
      if (now < this.#lookedAt - setBack) this.#forget()
      this.#lookedAt = now
      const data = store.dataVersion()
      if (data === this.#data) return
      this.#lookAtDevices(store)
      if (!this.#follow(store)) return void setImmediate(() => this.#closed || this.#look())
      // Only now: a change whose reading failed is looked at again.
      this.#data = data
      if (this.#trouble) log("info", "register-readable", {})
      this.#trouble = false
    } catch (error) {
      if (!this.#trouble) log("error", "register-unreadable", { reason: errorCode(error) })
      this.#trouble = true
    }
  }

  /** Traffic commits all the time, inventory seldom changes. */
  #lookAtDevices(store: Store): void {
    const newest = store.lastSeq("devices")
    if (newest === this.#devices) return
    this.#anyPersonal = store.anyPersonalDevice(this.#config.tenant)
    this.#devices = newest
  }

  /** At first, and when another file has taken the place of the store. */
  #open(): Store {
    const store = this.#parts.open()
    this.#store?.close()
    this.#store = store
    this.#forget()
    this.clients.readFrom(store)
    return store
  }

  /** All of the register is read again. */
  #forget(): void {
    this.#data = -1
    this.#seq = -1
    this.#devices = -1
    this.#reading = { changed: 0, tookMs: 0 }
  }

  /** False: there is more to read. */
  #follow(store: Store): boolean {
    // Read before the entries: what changes meanwhile is applied twice, which does no harm.
    const newest = store.registerAuditSeq()
    if (newest === this.#seq) return true
    const reading = this.#reading
    const began = performance.now()
    // Where the audit does not go on from what is known, the register is another one.
    const anew = this.#seq < 0 || newest < this.#seq
    reading.changed += anew ? this.#readAll(store, newest) : this.#readSome(store, newest)
    reading.tookMs += performance.now() - began
    if (this.#seq < newest) return false
    this.#reading = { changed: 0, tookMs: 0 }
    if (reading.changed === 0 && !anew) return true
    this.#parts.log("info", "register-changed", {
      entries: this.#policy.register.size,
      changed: reading.changed,
      took_ms: Math.round(reading.tookMs * 100) / 100,
      faults: this.#policy.faults,
    })
    return true
  }

  #readAll(store: Store, newest: number): number {
    const entries = store.registerEntries(Date.now()).filter((entry) => this.#isOurs(entry))
    this.#policy = preparePolicy(policySettings(this.#config), entries, this.#parts.trials)
    this.#seq = newest
    return entries.length
  }

  #readSome(store: Store, newest: number): number {
    const changes = store.registerChangesAfter(this.#seq, changesAtOnce)
    const now = Date.now()
    const { register } = this.#policy
    const concerned = new Map<string, RegisterEntry | null>()
    for (const { entry_id, entry } of changes) {
      const inForce = entry !== null && this.#isOurs(entry) && decides(entry, now)
      if (inForce || register.has(entry_id)) concerned.set(entry_id, inForce ? entry : null)
    }
    changeRegister(this.#policy, concerned)
    this.#seq = changes.at(-1)?.seq ?? newest
    return concerned.size
  }

  /** A bypass never crosses tenants, though the store may be from when this sensor served another. */
  #isOurs({ tenant }: RegisterEntry): boolean {
    return tenant === this.#config.tenant
  }
}

/** As `registerEntries` chooses: proposals and what the configuration declares decide nothing. */
function decides({ source, standing, expires_at }: RegisterEntry, now: number): boolean {
  const ended = expires_at !== null && Date.parse(expires_at) <= now
  return source === "register" && standing === "in-force" && !ended
}

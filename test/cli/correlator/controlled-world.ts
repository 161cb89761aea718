/** A store with phones whose app refuses one name, and correlators over it as restarts make them. */
import { Correlator } from "../../../src/cli/correlator/pass.ts"
import { type Config, type ConfigInput, loadConfig } from "../../../src/config.ts"
import { openStore } from "../../../src/evidence/open.ts"
import { hitRow } from "../../../src/evidence/serialise.ts"
import type { Store } from "../../../src/evidence/store.ts"
import type { Attempt, Outcome } from "../../../src/record/attempt.ts"
import type { Flow } from "../../../src/record/flow.ts"
import type { RegisterEntry } from "../../../src/record/register-entry.ts"
import { newDir } from "../../evidence/fixtures.ts"
import { app, attempt, dayStart, device, flow, posture } from "../../support/records.ts"

export const whose = { tenant: "acme", site: "hq" }
export const minute = 60_000
export const hour = 60 * minute
export const noon = dayStart + 12 * hour
export const target = "api.bank.example"
const places = ["www.news.example", "cdn.maps.example"]

interface Test {
  teardown(work: () => void): void
}
export interface Event {
  event: string
  [field: string]: unknown
}

export class ControlledWorld {
  readonly store: Store
  readonly dir: string
  readonly events: Event[] = []
  /** Changed in place, as a reload does. */
  readonly config: Config
  now = noon
  #hits = 0

  constructor(t: Test, more: Partial<ConfigInput> = {}) {
    this.dir = newDir(t)
    this.store = openStore(this.dir)
    t.teardown(() => this.store.close())
    this.config = { ...loadConfig(null, { ...whose, data: this.dir, ...more }) }
    this.store.append("apps", [
      app({ ...whose, id: "app-bank", app_id: "com.example.bank", user_agents: ["bank/*"] }),
    ])
  }

  correlator(): Correlator {
    const log = (_: string, event: string, fields: object) =>
      void this.events.push({ event, ...fields })
    return new Correlator({ store: this.store, config: this.config, clock: () => this.now, log })
  }

  /** Passes until nothing is left to do, after so long. */
  settle(correlator: Correlator, laterMs = 1_000): void {
    this.now += laterMs
    while (correlator.pass());
  }

  phone(name: string, address: string, groups: string[] = ["field"]): void {
    const at = { ...whose, observed_at: new Date(this.now - hour).toISOString() }
    const { store } = this
    store.append("devices", [
      device({ ...at, id: `device-${name}`, device_id: name, groups, user: `user of ${name}` }),
    ])
    store.append("postures", [posture({ ...at, id: `posture-${name}`, device_id: name, apps: [] })])
    this.bind(name, address)
  }

  bind(name: string, address: string, shared = false): void {
    const from = new Date(this.now - hour).toISOString()
    this.store.append("bindings", [
      {
        ...whose,
        sensor_id: "vpn",
        v: 1,
        id: `binding-${name}-${address}-${this.now}-${shared}`,
        observed_at: from,
        realm: null,
        address,
        valid_from: from,
        valid_to: null,
        device_id: name,
        source: "vpn",
        confidence: 0.9,
        shared,
        names: null,
        flags: [],
      },
    ])
  }

  attempt(address: string, sni: string, outcome: Outcome, over: Partial<Attempt> = {}): Attempt {
    const one = attempt(sni, this.now - dayStart, outcome, {
      ...whose,
      client_ip: address,
      connect_user_agent: "bank/1.0",
      ...over,
    })
    this.store.append("attempts", [one])
    return one
  }

  /** The app trusts us elsewhere, and refuses the target three times in as many minutes. */
  suspected(address: string, sni = target, over: Partial<Attempt> = {}): void {
    for (const place of places) this.attempt(address, place, "accepted", over)
    for (let round = 0; round < 3; round += 1) {
      this.now += minute
      this.attempt(address, sni, "refused-alert", over)
    }
  }

  /** A connection spliced under an entry: its flow and its two hits. */
  spliced(address: string, entry: RegisterEntry, over: Partial<Flow> = {}): void {
    this.#hits += 1
    const connection_id = `c-${this.#hits}`
    const kind = entry.kind === "trial" ? ("trial" as const) : ("learned" as const)
    const hit = { entry_id: entry.id, at_ms: this.now, sensor_id: "s1", connection_id }
    this.store.appendSerialised([
      hitRow({ ...hit, event: "open", bytes: 0 }),
      hitRow({ ...hit, event: "close", bytes: 9_900 }),
    ])
    this.store.append("flows", [
      flow(entry.scope.sni ?? target, this.now - dayStart, {
        ...whose,
        client_ip: address,
        connect_user_agent: "bank/1.0",
        splice_cause: kind,
        control: kind === "trial",
        register_entry: entry.id,
        ...over,
      }),
    ])
  }

  entries(kind: RegisterEntry["kind"]): RegisterEntry[] {
    return [...this.store.all("register")].filter((entry) => entry.kind === kind)
  }

  only(kind: RegisterEntry["kind"]): RegisterEntry {
    const [entry, more] = this.entries(kind)
    if (!entry || more) throw new Error(`${this.entries(kind).length} entries of kind ${kind}`)
    return entry
  }

  told(name: string): Event[] {
    return this.events.filter(({ event }) => event === name)
  }
}

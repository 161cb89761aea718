/**
 * A world with the real correlator in it: the records of each slice of time go into a store, the correlator
 * judges them by a clock that stands at the slice's end, and what it writes to the register decides about
 * the next slice's connections.
 */
import { existsSync, mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { Correlator } from "../../src/cli/correlator/pass.ts"
import { loadConfig } from "../../src/config.ts"
import { openDatabase } from "../../src/evidence/database.ts"
import { outboxLimit } from "../../src/evidence/outbox.ts"
import { hitRow, toRow } from "../../src/evidence/serialise.ts"
import { Store } from "../../src/evidence/store.ts"
import type { AppendableKind, Row } from "../../src/evidence/tables.ts"
import type { Alert } from "../../src/record/alert.ts"
import type { Finding } from "../../src/record/finding.ts"
import { allowedOf, identityOf } from "./allowed.ts"
import { RegisterGate } from "./simulate/gate.ts"
import { Simulation, type Written } from "./simulate/simulation.ts"
import type { World } from "./world/model.ts"

/** A finding as it stood from a time on. */
export interface Held {
  at: number
  finding: Finding
}

export interface Lived {
  simulation: Simulation
  history: Held[]
  alerts: Alert[]
  /** What the correlator complained of: how often, and what it said first. */
  troubles: Map<string, { count: number; first: string }>
  /** How far it came; epoch milliseconds of the world. */
  until: number
}

export interface LoopOptions {
  /** How often the correlator looks, in milliseconds of the world. */
  slice: number
  /** Stops before the end when the wall clock says so; epoch milliseconds. */
  deadline: number
  /** Takes every record as it is written. */
  onWritten?: (written: readonly Written[]) => void
}

/** Where files cost no disk, if there is such a place. */
const memory = existsSync("/dev/shm") ? "/dev/shm" : tmpdir()

export function live(world: World, { slice, deadline, onWritten }: LoopOptions): Lived {
  const dir = mkdtempSync(join(memory, "fleet-"))
  const store = fleetingStore(dir)
  try {
    const config = loadConfig(null, {
      tenant: world.tenant,
      site: world.site,
      "sensor-id": "sensor-1",
      data: dir,
      identity: identityOf(),
      analytics: allowedOf(world),
    })
    let now = world.start
    const changed = new Set<string>()
    const troubles: Lived["troubles"] = new Map()
    const correlator = new Correlator({
      store,
      config,
      clock: () => now,
      log: (level, event, fields) => {
        if (event === "finding") changed.add(String(fields["id"]))
        if (level !== "error" && level !== "warn") return
        const { count, first } = troubles.get(event) ?? { count: 0, first: JSON.stringify(fields) }
        troubles.set(event, { count: count + 1, first })
      },
    })
    const gate = new RegisterGate({ rules: config.rules, control: config.control })
    const simulation = new Simulation(world, gate)
    const history: Held[] = []
    const told = new Map<string, string>()
    while (now < world.end && Date.now() < deadline) {
      now += slice
      const written = simulation.step(now)
      onWritten?.(written)
      append(store, written)
      while (correlator.pass());
      for (const id of changed) {
        const finding = store.get("findings", id)
        if (!finding) continue
        const { verdict, confidence, state: life, app_attribution, would_raise } = finding
        const state = `${verdict} ${confidence} ${life} ${app_attribution} ${would_raise[0]}`
        if (told.get(id) !== state) history.push({ at: now, finding })
        told.set(id, state)
      }
      changed.clear()
      gate.take(store.registerEntries(now))
    }
    return { simulation, history, alerts: [...store.all("alerts")], troubles, until: now }
  } finally {
    store.close()
    rmSync(dir, { recursive: true, force: true })
  }
}

/** It ends with the world: nothing of it must survive a crash. */
function fleetingStore(dir: string): Store {
  const db = openDatabase(dir, {})
  db.pragma("synchronous = OFF")
  return new Store(db, { outboxLimit })
}

function append(store: Store, written: readonly Written[]): void {
  store.transaction(() => store.appendSerialised(written.map(rowOf)))
}

function rowOf(each: Written): Row {
  return each.kind === "register-hits"
    ? hitRow(each.record)
    : toRow<AppendableKind>(each.kind, each.record)
}

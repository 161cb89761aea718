/** How far each outside source was read, how it does, and whom it saw when. Its owner is the collector. */
import type { Database } from "better-sqlite3"
import { SourceHealth } from "../record/source-health.ts"
import { prepared } from "./prepared.ts"

export interface SourceState {
  name: string
  kind: string
  health: SourceHealth
  /** When the reader last said anything, in epoch milliseconds of the wall clock. */
  updated_ms: number
}

/** When a device was last there in a sweep of a source. */
export interface SeenDevice {
  source: string
  device_id: string
  seen_ms: number
}

export class SourceStates {
  readonly #db: Database

  constructor(db: Database) {
    this.#db = db
  }

  /** Where its reader goes on; null at first. */
  place(name: string): unknown {
    const sql = "SELECT place FROM source_states WHERE name = ?"
    const row = prepared(this.#db, sql).get(name) as { place: string | null } | undefined
    return row?.place == null ? null : JSON.parse(row.place)
  }

  /** `place` undefined: it stays. */
  put(state: SourceState, place: unknown): void {
    const sql = `INSERT INTO source_states (name, kind, place, health, updated_ms)
      VALUES (@name, @kind, @place, @health, @updated_ms)
      ON CONFLICT (name) DO UPDATE SET kind = excluded.kind, health = excluded.health,
        place = CASE @moved WHEN 1 THEN excluded.place ELSE place END, updated_ms = excluded.updated_ms`
    prepared(this.#db, sql).run({
      ...state,
      health: JSON.stringify(state.health),
      place: place === undefined ? null : JSON.stringify(place),
      moved: place === undefined ? 0 : 1,
    })
  }

  all(): SourceState[] {
    const sql = "SELECT name, kind, health, updated_ms FROM source_states ORDER BY name"
    const rows = prepared(this.#db, sql).all() as (Omit<SourceState, "health"> & {
      health: string
    })[]
    return rows.map((row) => ({ ...row, health: SourceHealth.parse(JSON.parse(row.health)) }))
  }

  /** These devices were there in a sweep of the source. */
  saw(source: string, tenant: string, deviceIds: readonly string[], nowMs: number): void {
    const sql = `INSERT INTO inventory_seen (source, tenant, device_id, seen_ms) VALUES (?, ?, ?, ?)
      ON CONFLICT (source, tenant, device_id) DO UPDATE SET seen_ms = max(seen_ms, excluded.seen_ms)`
    for (const id of deviceIds) prepared(this.#db, sql).run(source, tenant, id, nowMs)
  }

  /** When each device was last there, by source. */
  devicesSeen(tenant: string): SeenDevice[] {
    const sql = "SELECT source, device_id, seen_ms FROM inventory_seen WHERE tenant = ?"
    return prepared(this.#db, sql).all(tenant) as SeenDevice[]
  }
}

/**
 * Devices whose past is to be judged again, because something of it came late. A row lives until the walk
 * is done: a restart in between loses none.
 */
import type { Database } from "better-sqlite3"
import { prepared } from "./prepared.ts"

/** From when on, in epoch milliseconds of event time. */
export interface Rewalk {
  device_id: string
  since_ms: number
}

export class Rewalks {
  readonly #db: Database

  constructor(db: Database) {
    this.#db = db
  }

  all(limit: number): Rewalk[] {
    const sql = "SELECT device_id, since_ms FROM rewalks ORDER BY device_id LIMIT ?"
    return prepared(this.#db, sql).all(limit) as Rewalk[]
  }

  put(rewalks: Iterable<Rewalk>): void {
    const sql = `INSERT INTO rewalks (device_id, since_ms) VALUES (?, ?)
      ON CONFLICT (device_id) DO UPDATE SET since_ms = min(since_ms, excluded.since_ms)`
    for (const { device_id, since_ms } of rewalks) prepared(this.#db, sql).run(device_id, since_ms)
  }

  done(deviceId: string): void {
    prepared(this.#db, "DELETE FROM rewalks WHERE device_id = ?").run(deviceId)
  }
}

/**
 * Counts for coverage, added up by hour in the commit that moves the correlator's cursor over what was
 * counted, so nothing counts twice. What is older than a year is forgotten.
 */
import type { Database } from "better-sqlite3"
import type { Posture } from "../record/posture.ts"
import { prepared } from "./prepared.ts"

export interface CountRow {
  hour_ms: number
  word: string
  connections: number
  bytes: number
}

/** Epoch milliseconds; null: never. */
export interface Activity {
  device_id: string
  traffic_ms: number | null
  event_ms: number | null
}

const hour = 3_600_000
const kept = 366 * 24 * hour

export interface ManagedRow {
  device_id: string
  platform: string
  managed: boolean | null
  managed_apps: string[]
}

export class CoverageTables {
  readonly #db: Database

  constructor(db: Database) {
    this.#db = db
  }

  addCounts(tenant: string, rows: Iterable<CountRow>): void {
    const sql = `INSERT INTO coverage_counts (tenant, hour_ms, word, connections, bytes)
      VALUES (@tenant, @hour_ms, @word, @connections, @bytes)
      ON CONFLICT (tenant, hour_ms, word) DO UPDATE SET
        connections = connections + excluded.connections, bytes = bytes + excluded.bytes`
    for (const row of rows) prepared(this.#db, sql).run({ tenant, ...row })
  }

  /** Sums of whole hours, by word. */
  countsBetween(
    tenant: string,
    fromMs: number,
    toMs: number,
  ): Map<string, Omit<CountRow, "hour_ms" | "word">> {
    const sql = `SELECT word, sum(connections) AS connections, sum(bytes) AS bytes FROM coverage_counts
      WHERE tenant = ? AND hour_ms >= ? AND hour_ms < ? GROUP BY word`
    const rows = prepared(this.#db, sql).all(
      tenant,
      Math.floor(fromMs / hour) * hour,
      toMs,
    ) as CountRow[]
    return new Map(rows.map(({ word, connections, bytes }) => [word, { connections, bytes }]))
  }

  forgetCounts(nowMs: number): void {
    prepared(this.#db, "DELETE FROM coverage_counts WHERE hour_ms < ?").run(nowMs - kept)
  }

  /** The later of what is stored and what is given counts. */
  addActivity(tenant: string, rows: Iterable<Activity>): void {
    const sql = `INSERT INTO device_activity (tenant, device_id, traffic_ms, event_ms)
      VALUES (@tenant, @device_id, @traffic_ms, @event_ms)
      ON CONFLICT (tenant, device_id) DO UPDATE SET
        traffic_ms = nullif(max(coalesce(traffic_ms, 0), coalesce(excluded.traffic_ms, 0)), 0),
        event_ms = nullif(max(coalesce(event_ms, 0), coalesce(excluded.event_ms, 0)), 0)`
    for (const row of rows) prepared(this.#db, sql).run({ tenant, ...row })
  }

  activity(tenant: string): Activity[] {
    const sql = "SELECT device_id, traffic_ms, event_ms FROM device_activity WHERE tenant = ?"
    return prepared(this.#db, sql).all(tenant) as Activity[]
  }

  /** What MDM last said of some devices, in the order of their ids from the one after `after` on: managed in any
   * profile, and its managed apps of all of them. All devices at once would hold whoever asks for seconds. */
  managedAfter(tenant: string, after: string, limit: number): ManagedRow[] {
    const devices = `SELECT d.device_id, json_extract(d.body, '$.platform') AS platform
      FROM devices d WHERE d.tenant = ? AND d.device_id > ? AND NOT EXISTS (
        SELECT 1 FROM devices n WHERE n.device_id = d.device_id AND n.tenant = d.tenant
          AND (n.observed_ms, n.seq) > (d.observed_ms, d.seq))
      ORDER BY d.device_id LIMIT ?`
    const rows = prepared(this.#db, devices).all(tenant, after, limit) as Pick<
      ManagedRow,
      "device_id" | "platform"
    >[]
    const postures = `SELECT p.device_id, p.body
      FROM postures p WHERE p.tenant = ? AND p.device_id > ? AND p.device_id <= ? AND NOT EXISTS (
        SELECT 1 FROM postures n WHERE n.device_id = p.device_id AND n.tenant = p.tenant
          AND n.profile = p.profile AND (n.observed_ms, n.seq) > (p.observed_ms, p.seq))`
    const last = rows.at(-1)?.device_id ?? after
    const said = Map.groupBy(
      prepared(this.#db, postures).all(tenant, after, last) as PostureRow[],
      ({ device_id }) => device_id,
    )
    return rows.map((row) => {
      const bodies = (said.get(row.device_id) ?? []).map(({ body }) => JSON.parse(body) as Said)
      const known = bodies.flatMap(({ managed }) => managed ?? [])
      const apps = bodies.flatMap((body) =>
        (body.apps ?? []).filter(({ managed }) => managed === true),
      )
      return {
        ...row,
        managed: known.length === 0 ? null : known.includes(true),
        managed_apps: apps.map(({ app_id }) => app_id),
      }
    })
  }
}

interface PostureRow {
  device_id: string
  body: string
}

/** Of a posture, which was parsed when it was stored. */
type Said = Pick<Posture, "managed" | "apps">

/** What is remembered of apps at destinations: one profile each, opaque here. */
import type { Database } from "better-sqlite3"
import { prepared } from "./prepared.ts"

export interface StoredPair {
  tenant: string
  app_id: string
  destination: string
  /** Event time of its last connection. */
  last_ms: number
  body: unknown
}

/** Null if nothing is remembered. */
export function pairProfile(
  db: Database,
  tenant: string,
  appId: string,
  destination: string,
): unknown {
  const sql = `SELECT body FROM pair_profiles
    WHERE tenant = ? AND app_id = ? AND destination = ?`
  const body = prepared(db, sql).pluck().get(tenant, appId, destination) as string | undefined
  return body === undefined ? null : JSON.parse(body)
}

export function putPairProfiles(db: Database, pairs: readonly StoredPair[]): void {
  const sql = `INSERT INTO pair_profiles (tenant, app_id, destination, last_ms, body)
    VALUES (?, ?, ?, ?, ?) ON CONFLICT (tenant, app_id, destination)
    DO UPDATE SET last_ms = excluded.last_ms, body = excluded.body`
  const statement = prepared(db, sql)
  for (const { tenant, app_id, destination, last_ms, body } of pairs)
    statement.run(tenant, app_id, destination, last_ms, JSON.stringify(body))
}

/** Profiles read at a time: no read transaction outlives one step. */
const step = 500

/** All of a tenant, or those of one app, by app and destination. */
export function* pairProfiles(
  db: Database,
  tenant: string,
  appId: string | null,
): Generator<unknown> {
  const sql = `SELECT app_id, destination, body FROM pair_profiles
    WHERE tenant = ? AND (app_id, destination) > (?, ?) AND app_id <= ?
    ORDER BY app_id, destination LIMIT ${step}`
  const last = appId ?? "\u{10ffff}"
  let [app, destination] = [appId ?? "", ""]
  for (;;) {
    const rows = prepared(db, sql).all(tenant, app, destination, last) as {
      app_id: string
      destination: string
      body: string
    }[]
    for (const { body } of rows) yield JSON.parse(body)
    const end = rows.at(-1)
    if (!end || rows.length < step) return
    app = end.app_id
    destination = end.destination
  }
}

/** Forgets at most `limit` profiles: those of which nothing was seen since `beforeMs`, or, of more
 * than `most`, those seen longest ago. Returns how many. */
export function forgetPairProfiles(
  db: Database,
  beforeMs: number,
  most: number,
  limit: number,
): number {
  const count = prepared(db, "SELECT count(*) FROM pair_profiles").pluck().get() as number
  const over = Math.min(limit, Math.max(0, count - most))
  const oldest = `(tenant, app_id, destination) IN (SELECT tenant, app_id, destination
    FROM pair_profiles`
  const old = `DELETE FROM pair_profiles WHERE ${oldest} WHERE last_ms < ? LIMIT ?)`
  const gone = prepared(db, old).run(beforeMs, limit).changes
  if (gone > 0 || over === 0) return gone
  const tooMany = `DELETE FROM pair_profiles WHERE ${oldest} ORDER BY last_ms LIMIT ?)`
  return prepared(db, tooMany).run(over).changes
}

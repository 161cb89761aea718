/**
 * Questions of the identity join and the correlator. Intervals are half open, [from, to), in epoch
 * milliseconds of event time; answers are oldest first.
 */
import type { Database } from "better-sqlite3"
import type { App } from "../record/app.ts"
import type { AppEvent } from "../record/app-event.ts"
import type { Attempt } from "../record/attempt.ts"
import type { Binding, BindingNames } from "../record/binding.ts"
import type { Device } from "../record/device.ts"
import type { Flow } from "../record/flow.ts"
import type { RecordOf } from "../record/kinds.ts"
import type { Posture } from "../record/posture.ts"
import { deviceNameColumns } from "./migrations/07-bindings.ts"
import { prepared } from "./prepared.ts"

/** Kinds that describe a subject which lasts: the newest record of it is the one in force. */
export type InventoryKind = "devices" | "postures" | "apps"

/** Most records in one answer; beyond it the oldest are left out. 100,000 attempts are ~200 MB. */
const most = 100_000
/** Devices of one name: of more it names none anyway. */
const mostNamed = 100

/** `limit`: of more than so many the oldest are not even read. */
export function attemptsOf(
  db: Database,
  clientIp: string,
  from: number,
  to: number,
  limit = most,
): Attempt[] {
  const sql = `SELECT body FROM attempts WHERE client_ip = ? AND observed_ms >= ? AND observed_ms < ?
    ORDER BY observed_ms DESC, seq DESC LIMIT ?`
  return records<Attempt>(db, sql, clientIp, from, to, limit).reverse()
}

export function flowsOf(
  db: Database,
  clientIp: string,
  from: number,
  to: number,
  limit = most,
): Flow[] {
  const sql = `SELECT body FROM flows WHERE client_ip = ? AND observed_ms >= ? AND observed_ms < ?
    ORDER BY observed_ms DESC, seq DESC LIMIT ?`
  return records<Flow>(db, sql, clientIp, from, to, limit).reverse()
}

/** Of the whole fleet: for spans of which it is known that they hold few. */
export function appEventsBetween(db: Database, from: number, to: number): AppEvent[] {
  const sql = `SELECT body FROM app_events WHERE observed_ms >= ? AND observed_ms < ?
    ORDER BY observed_ms, seq`
  return records<AppEvent>(db, sql, from, to)
}

/** From when on these clients have at most so many attempts and flows together, the newest; -Infinity if they
 * have no more. Looks at times alone, a tenth of a microsecond each. */
export function beginOfNewest(
  db: Database,
  clients: readonly string[],
  from: number,
  to: number,
  most: number,
): number {
  const times: number[] = []
  for (const client of clients)
    for (const table of ["attempts", "flows"]) {
      const sql = `SELECT observed_ms FROM ${table} WHERE client_ip = ? AND observed_ms >= ?
        AND observed_ms < ? ORDER BY observed_ms DESC LIMIT ?`
      for (const ms of prepared(db, sql)
        .pluck()
        .all(client, from, to, most + 1) as number[])
        times.push(ms)
    }
  if (times.length <= most) return Number.NEGATIVE_INFINITY
  return Float64Array.from(times).sort().at(-most) ?? from
}

/** Addresses with an attempt or a flow, sorted. Steps from one client to the next in the index, so
 * the cost is that of the clients, not of their records. */
export function clientsSeen(db: Database, from: number, to: number): string[] {
  const seen = ["attempts", "flows"].flatMap((table) => {
    const sql = `WITH RECURSIVE clients (ip) AS (
        SELECT min(client_ip) FROM ${table}
        UNION ALL
        SELECT (SELECT min(client_ip) FROM ${table} WHERE client_ip > ip) FROM clients
        WHERE ip IS NOT NULL
      )
      SELECT ip FROM clients WHERE ip IS NOT NULL AND EXISTS (
        SELECT 1 FROM ${table} WHERE client_ip = ip AND observed_ms >= ? AND observed_ms < ?)`
    return prepared(db, sql).pluck().all(from, to) as string[]
  })
  return [...new Set(seen)].sort()
}

/** Whether there is a newer statement `n` on the subject of `r`. */
const newer: Record<InventoryKind, string> = {
  devices: `SELECT 1 FROM devices n WHERE n.device_id = r.device_id AND n.tenant = r.tenant
    AND (n.observed_ms, n.seq) > (r.observed_ms, r.seq)`,
  postures: `SELECT 1 FROM postures n WHERE n.device_id = r.device_id AND n.tenant = r.tenant
    AND n.profile = r.profile AND (n.observed_ms, n.seq) > (r.observed_ms, r.seq)`,
  apps: `SELECT 1 FROM apps n WHERE n.app_id = r.app_id AND n.tenant = r.tenant
    AND n.platform = r.platform AND n.signer_sha256 IS r.signer_sha256
    AND (n.observed_ms, n.seq) > (r.observed_ms, r.seq)`,
}

/** The newest record of each device, of each (device, profile), of each (app, platform, signer). */
export function current<K extends InventoryKind>(db: Database, kind: K): RecordOf[K][] {
  const sql = `SELECT body FROM ${kind} WHERE seq IN (
    SELECT r.seq FROM ${kind} r WHERE NOT EXISTS (${newer[kind]})) ORDER BY seq`
  return records<RecordOf[K]>(db, sql)
}

/** The same, one in memory at a time: 100,000 postures with their apps are 500 MB. Holds a read
 * transaction until it is done, so it is for verbs, not for processes that stay. */
export function* eachCurrent<K extends InventoryKind>(
  db: Database,
  kind: K,
): Generator<RecordOf[K]> {
  const sql = `SELECT body FROM ${kind} r WHERE NOT EXISTS (${newer[kind]})`
  for (const row of db.prepare(sql).iterate()) yield JSON.parse((row as { body: string }).body)
}

/** The statement in force on the subject of `record`: its own device, (device, profile) or app. */
export function inForce<K extends InventoryKind>(
  db: Database,
  kind: K,
  record: RecordOf[K],
): RecordOf[K] | null {
  const [of, ...subject] = subjectOf(kind, record)
  const sql = `SELECT body FROM ${kind} WHERE ${of} ORDER BY observed_ms DESC, seq DESC LIMIT 1`
  return records<RecordOf[K]>(db, sql, ...subject)[0] ?? null
}

function subjectOf<K extends InventoryKind>(
  kind: K,
  record: RecordOf[K],
): [string, ...(string | null)[]] {
  if (kind === "apps") {
    const { app_id, tenant, platform, signer_sha256 } = record as App
    const where = "app_id = ? AND tenant = ? AND platform = ? AND signer_sha256 IS ?"
    return [where, app_id, tenant, platform, signer_sha256]
  }
  const { device_id, tenant } = record as Device | Posture
  if (kind === "devices") return ["device_id = ? AND tenant = ?", device_id, tenant]
  const where = "device_id = ? AND tenant = ? AND profile = ?"
  return [where, device_id, tenant, (record as Posture).profile]
}

/** Rows that a newer one has overtaken and that were observed before a time: for retention. */
export function overtaken(kind: InventoryKind): string {
  return `SELECT r.seq FROM ${kind} r WHERE r.observed_ms < ? AND EXISTS (${newer[kind]})
    AND r.seq < (SELECT max(seq) FROM ${kind}) LIMIT ?`
}

export function posturesOf(db: Database, deviceId: string, limit = most): Posture[] {
  const sql = `SELECT body FROM postures WHERE device_id = ?
    ORDER BY observed_ms DESC, seq DESC LIMIT ?`
  return records<Posture>(db, sql, deviceId, limit).reverse()
}

/** Devices of which some record, of now or of before, has one of these names: each as it is now. */
export function devicesNamed(db: Database, tenant: string, names: BindingNames): Device[] {
  const ids = new Set<string>()
  for (const [name, column] of Object.entries(deviceNameColumns)) {
    const value = names[name as keyof BindingNames]?.toLowerCase()
    if (!value) continue
    const sql = `SELECT DISTINCT device_id FROM devices WHERE ${column} = ? AND tenant = ? LIMIT ${mostNamed}`
    const key = name === "wifi_mac" ? value.replace(/[:.-]/g, "") : value
    const rows = prepared(db, sql).all(key, tenant) as { device_id: string }[]
    for (const { device_id } of rows) ids.add(device_id)
  }
  return [...ids].flatMap((id) => device(db, tenant, id) ?? [])
}

/** Bindings of any address that hold at some time in [from, to). */
export function bindings(db: Database, from: number, to: number): Binding[] {
  const sql = `SELECT body FROM bindings WHERE valid_to_ms > ? AND valid_from_ms < ?
    ORDER BY valid_from_ms, seq`
  return records<Binding>(db, sql, from, to)
}

/** All bindings of these addresses or prefixes, in their canonical forms. */
export function bindingsOf(db: Database, addresses: readonly string[]): Binding[] {
  const sql = `SELECT body FROM bindings WHERE address IN (SELECT value FROM json_each(?))
    ORDER BY valid_from_ms, seq`
  return records<Binding>(db, sql, JSON.stringify(addresses))
}

function records<R>(db: Database, sql: string, ...values: (string | number | null)[]): R[] {
  const rows = prepared(db, sql).all(...values) as { body: string }[]
  return rows.map(({ body }) => JSON.parse(body))
}

/** Every record of a device, oldest first. */
export function devicesEver(db: Database, tenant: string, deviceId: string): Device[] {
  const sql = `SELECT body FROM devices WHERE device_id = ? AND tenant = ?
    ORDER BY observed_ms, seq LIMIT ${most}`
  return records<Device>(db, sql, deviceId, tenant)
}

/** Whether inventory or a binding knows our key of a device. Reads all bindings where inventory does not. */
export function isNamed(db: Database, tenant: string, deviceId: string): boolean {
  const sql = `SELECT EXISTS (SELECT 1 FROM devices WHERE device_id = @id AND tenant = @tenant)
    OR EXISTS (SELECT 1 FROM postures WHERE device_id = @id AND tenant = @tenant)
    OR EXISTS (SELECT 1 FROM findings WHERE body ->> '$.key.device_id' = @id
      AND body ->> '$.tenant' = @tenant)
    OR EXISTS (SELECT 1 FROM bindings WHERE body ->> '$.device_id' = @id
      AND body ->> '$.tenant' = @tenant)`
  return prepared(db, sql).pluck().get({ id: deviceId, tenant }) === 1
}

/** Whether some device is a person's own now. Some microseconds where none ever was: the index holds no others. */
export function anyPersonalDevice(db: Database, tenant: string): boolean {
  const sql = `SELECT 1 FROM devices r WHERE r.tenant = ?
    AND json_extract(r.body, '$.ownership') = 'personal' AND NOT EXISTS (${newer.devices}) LIMIT 1`
  return prepared(db, sql).get(tenant) !== undefined
}

/** A device as its latest record has it. */
export function device(db: Database, tenant: string, deviceId: string): Device | null {
  const sql = `SELECT body FROM devices WHERE device_id = ? AND tenant = ?
    ORDER BY observed_ms DESC, seq DESC LIMIT 1`
  return records<Device>(db, sql, deviceId, tenant)[0] ?? null
}

/**
 * What was erased, and by which hashed names it is known again. The names themselves are nowhere: who
 * has the file and guesses a serial can check the guess, for the salt stands beside (docs/privacy.md).
 */
import { createHash } from "node:crypto"
import type { Database } from "better-sqlite3"
import { prepared } from "./prepared.ts"

/** One device that was erased. */
export interface Tombstone {
  id: string
  at_ms: number
  tenant: string
  /** Whether all of it is gone: else it goes on when it is asked for again. */
  done: boolean
  /** Whether what is said of the device is taken again. */
  returns: boolean
  body: { who: string; reason: string; counts: Record<string, number> }
}

/** A name of a device: what it is, and its value as somebody wrote it. */
export type DeviceName = readonly [name: string, value: string]

type Row = {
  id: string
  at_ms: number
  tenant: string
  done: number
  returns: number
  body: string
}

/** Kinds whose records say something of a device by its names. */
export type NamingKind = "devices" | "postures" | "bindings" | "app-events"

/** An id of an MDM says something only beside the MDM, unless it is long enough to be no number. */
const longMdmId = 8
const known = ["device_id", "serial", "udid", "imei", "wifi_mac", "mdm_id"]

export class Erasures {
  readonly #db: Database

  constructor(db: Database) {
    this.#db = db
  }

  /** Grows with each erasure: whoever remembers devices has to forget then. */
  get finished(): number {
    const sql = "SELECT count(*) FROM erasures WHERE done = 1"
    return prepared(this.#db, sql).pluck().get() as number
  }

  all(): Tombstone[] {
    const sql = "SELECT id, at_ms, tenant, done, returns, body FROM erasures ORDER BY seq"
    return (prepared(this.#db, sql).all() as Row[]).map(tombstoneOf)
  }

  /** Of a device by our key of it. */
  of(tenant: string, deviceId: string): Tombstone | null {
    const salt = this.#salt()
    if (salt === null) return null
    const sql = `SELECT id, at_ms, tenant, done, returns, body FROM erasures
      WHERE tenant = ? AND device = ? ORDER BY seq DESC LIMIT 1`
    const device = hashOf(salt, tenant, ["device_id", deviceId])
    const row = prepared(this.#db, sql).get(tenant, device) as Row | undefined
    return row ? tombstoneOf(row) : null
  }

  /** From here on nothing that carries one of the names is taken. `freshSalt` is used by the first of all. */
  begin(stone: Tombstone, names: readonly DeviceName[], freshSalt: string): void {
    const db = this.#db
    db.transaction(() => {
      prepared(db, "INSERT OR IGNORE INTO salts (name, salt) VALUES ('erased', ?)").run(freshSalt)
      const salt = this.#salt() as string
      const own = names.find(([name]) => name === "device_id")
      const device = own ? hashOf(salt, stone.tenant, own) : ""
      prepared(
        db,
        `INSERT INTO erasures (id, at_ms, tenant, device, done, returns, body)
          VALUES (?, ?, ?, ?, 0, ?, ?)`,
      ).run(stone.id, stone.at_ms, stone.tenant, device, stone.returns ? 1 : 0, bodyText(stone))
      for (const name of names) {
        if (!tells(name)) continue
        const sql = "INSERT OR IGNORE INTO erased_names (hash, erasure_id) VALUES (?, ?)"
        prepared(db, sql).run(hashOf(salt, stone.tenant, name), stone.id)
      }
    }).immediate()
  }

  put(stone: Tombstone): void {
    const sql = "UPDATE erasures SET done = ?, returns = ?, body = ? WHERE id = ?"
    const { done, returns, id } = stone
    prepared(this.#db, sql).run(done ? 1 : 0, returns ? 1 : 0, bodyText(stone), id)
  }

  /** The records that are not of an erased device. Costs a microsecond while nothing was erased, then some
   * microseconds a record. */
  without<R extends { tenant: string }>(kind: NamingKind, records: readonly R[]): readonly R[] {
    const salt = this.#salt()
    if (salt === null) return records
    return records.filter(
      (record) =>
        !namesIn(kind, record).some(
          (name) => tells(name) && this.#isErased(hashOf(salt, record.tenant, name)),
        ),
    )
  }

  #isErased(hash: string): boolean {
    const sql = `SELECT 1 FROM erased_names n JOIN erasures e ON e.id = n.erasure_id
      WHERE n.hash = ? AND e.returns = 0`
    return prepared(this.#db, sql).get(hash) !== undefined
  }

  #salt(): string | null {
    const sql = "SELECT salt FROM salts WHERE name = 'erased'"
    return (prepared(this.#db, sql).pluck().get() as string | undefined) ?? null
  }
}

/** The names that a record carries of its device. */
export function namesIn(kind: NamingKind, record: object): DeviceName[] {
  const own = Object.entries(record)
  const inside = Reflect.get(record, kind === "app-events" ? "device" : "names") ?? {}
  const given =
    kind === "devices" || kind === "postures" ? own : [...own, ...Object.entries(inside)]
  return given.filter(
    (pair): pair is [string, string] => known.includes(pair[0]) && typeof pair[1] === "string",
  )
}

/** Whether a name is one device's alone. */
function tells([name, value]: DeviceName): boolean {
  return name !== "mdm_id" || value.length >= longMdmId
}

function hashOf(salt: string, tenant: string, [name, value]: DeviceName): string {
  const lower = value.toLowerCase()
  const key = name === "wifi_mac" ? lower.replaceAll(/[:.-]/g, "") : lower
  const text = name === "device_id" ? value : key
  return createHash("sha256").update(`${salt}\n${tenant}\n${name}\n${text}`).digest("hex")
}

function tombstoneOf({ id, at_ms, tenant, done, returns, body }: Row): Tombstone {
  return { id, at_ms, tenant, done: done === 1, returns: returns === 1, body: JSON.parse(body) }
}

function bodyText({ body: { who, reason, counts } }: Tombstone): string {
  return JSON.stringify({ who, reason, counts })
}

/** Which words name a device, a person or a client that is stored. */
import { isIP } from "node:net"
import type { Database } from "better-sqlite3"
import type { NameKind } from "../record/pseudonym.ts"
import { deviceNameColumns } from "./migrations/07-bindings.ts"
import { prepared } from "./prepared.ts"

/** Words remembered; beyond it all are forgotten, and asked for again at some 20 us each. */
const most = 50_000

const kindOfName: Readonly<Record<keyof typeof deviceNameColumns, NameKind>> = {
  mdm_id: "mdm",
  serial: "serial",
  udid: "udid",
  imei: "imei",
  wifi_mac: "mac",
  user: "user",
}

export class KnownNames {
  readonly #db: Database
  readonly #found = new Map<string, NameKind | null>()

  constructor(db: Database) {
    this.#db = db
  }

  of(word: string): NameKind | null {
    const known = this.#found.get(word)
    if (known !== undefined) return known
    const found = this.#ask(word)
    if (this.#found.size >= most) this.#found.clear()
    this.#found.set(word, found)
    return found
  }

  #ask(word: string): NameKind | null {
    if (isIP(word) !== 0) {
      const isClient = ["attempts", "flows"].some((table) =>
        this.#has(`SELECT 1 FROM ${table} WHERE client_ip = ? LIMIT 1`, word),
      )
      const isBound = this.#has("SELECT 1 FROM bindings WHERE address = ? LIMIT 1", word)
      return isClient || isBound ? "address" : null
    }
    for (const table of ["devices", "postures"])
      if (this.#has(`SELECT 1 FROM ${table} WHERE device_id = ? LIMIT 1`, word)) return "device"
    const lower = word.toLowerCase()
    for (const [name, column] of Object.entries(deviceNameColumns)) {
      const value = name === "wifi_mac" ? lower.replaceAll(/[:.-]/g, "") : lower
      if (value !== "" && this.#has(`SELECT 1 FROM devices WHERE ${column} = ? LIMIT 1`, value))
        return kindOfName[name as keyof typeof deviceNameColumns]
    }
    return null
  }

  #has(sql: string, value: string): boolean {
    return prepared(this.#db, sql).get(value) !== undefined
  }

  /** Every value of a kind that is stored, some twice: for whoever looks for what a pseudonym stands for. Of
   * users all connections are read. */
  *all(kind: NameKind): Generator<string> {
    yield* this.#texts(sources[kind] ?? [])
  }

  *#texts(all: readonly string[]): Generator<string> {
    for (const sql of all)
      for (const text of prepared(this.#db, sql).pluck().iterate()) if (text) yield String(text)
  }
}

const ofDevice = (name: string) => [
  `SELECT DISTINCT json_extract(body, '$.${name}') FROM devices`,
  `SELECT DISTINCT json_extract(body, '$.names.${name}') FROM bindings`,
  `SELECT DISTINCT json_extract(body, '$.device.${name}') FROM app_events`,
]
const addresses = [
  "SELECT DISTINCT client_ip FROM attempts",
  "SELECT DISTINCT client_ip FROM flows",
]
const bound = "SELECT DISTINCT address FROM bindings"
const sources: Readonly<Partial<Record<NameKind, readonly string[]>>> = {
  device: [
    "SELECT DISTINCT device_id FROM devices",
    "SELECT DISTINCT device_id FROM postures",
    "SELECT DISTINCT json_extract(body, '$.device_id') FROM bindings",
    "SELECT DISTINCT json_extract(body, '$.device.device_id') FROM app_events",
    "SELECT DISTINCT json_extract(body, '$.key.device_id') FROM findings",
  ],
  user: [
    ...ofDevice("user"),
    "SELECT DISTINCT json_extract(body, '$.proxy_user') FROM attempts",
    "SELECT DISTINCT json_extract(body, '$.proxy_user') FROM flows",
  ],
  serial: ofDevice("serial"),
  udid: ofDevice("udid"),
  imei: ofDevice("imei"),
  mac: ofDevice("wifi_mac"),
  mdm: ofDevice("mdm_id"),
  address: [
    ...addresses,
    bound,
    "SELECT DISTINCT json_extract(body, '$.device.ip') FROM app_events",
  ],
  network: [bound],
}

/**
 * Taking rows out, and rewriting what names somebody: a step is one short transaction, so writers never
 * wait long. Rows of a chain keep their hash; what they are now is written down beside (`redactions`), so
 * that the chain can still be followed.
 */
import { createHash } from "node:crypto"
import type { Database } from "better-sqlite3"
import { prepared } from "./prepared.ts"
import { type AuditRow, hashedText } from "./register-audit.ts"

/** Rows read at a time. */
const step = 500

/** Tables of facts and judgements, one JSON body a row. */
export type BodyTable =
  | "attempts"
  | "flows"
  | "app_events"
  | "devices"
  | "postures"
  | "bindings"
  | "drifts"
  | "findings"
  | "incidents"
  | "alerts"

export interface StoredBody {
  seq: number
  body: string
}

/** Where a JSON text stands that may name a device: table, the columns that are its key, its own column. */
const texts = [
  ["drifts", "id", "body"],
  ["findings", "id", "body"],
  ["incidents", "id", "body"],
  ["alerts", "id", "body"],
  ["alert_states", "incident_id", "body"],
  ["alert_budgets", "tenant", "body"],
  ["bypass_profiles", "entry_id", "body"],
  ["register", "id", "body"],
  ["source_states", "name", "health"],
  ["source_states", "name", "place"],
] as const

export class EraseRows {
  readonly #db: Database

  constructor(db: Database) {
    this.#db = db
    // What is deleted is overwritten at once.
    db.pragma("secure_delete = ON")
  }

  /** All bodies of a table, a few hundred in memory at a time; `where` with its values narrows. */
  *bodies(table: BodyTable, where = "1", ...values: (string | number)[]): Generator<StoredBody> {
    const sql = `SELECT seq, body FROM ${table} WHERE seq > ? AND (${where}) ORDER BY seq LIMIT ${step}`
    for (let last = -1; ; ) {
      const rows = prepared(this.#db, sql).all(last, ...values) as StoredBody[]
      yield* rows
      const end = rows.at(-1)
      if (!end) return
      last = end.seq
    }
  }

  /** Attempts or flows of one client in [from, to), oldest first. */
  *ofClient(table: "attempts" | "flows", ip: string, from: number, to: number) {
    const sql = `SELECT seq, observed_ms AS ms, body FROM ${table}
      WHERE client_ip = ? AND (observed_ms, seq) > (?, ?) AND observed_ms < ?
      ORDER BY observed_ms, seq LIMIT ${step}`
    let last = { ms: from, seq: -1 }
    for (;;) {
      const rows = prepared(this.#db, sql).all(ip, last.ms, last.seq, to) as (StoredBody & {
        ms: number
      })[]
      yield* rows
      const end = rows.at(-1)
      if (!end) return
      last = end
    }
  }

  /** Deletes rows, of alerts with what is still to be sent of them. */
  drop(table: BodyTable, seqs: readonly number[]): number {
    if (seqs.length > 0) this.#keepCounting(table, new Set(seqs))
    let count = 0
    for (let from = 0; from < seqs.length; from += step) {
      const some = seqs.slice(from, from + step)
      count += this.#db
        .transaction(() => {
          let gone = 0
          for (const seq of some) {
            if (table === "alerts") this.#dropOutbox(seq)
            gone += prepared(this.#db, `DELETE FROM ${table} WHERE seq = ?`).run(seq).changes
          }
          return gone
        })
        .immediate()
    }
    return count
  }

  /**
   * A seq must never be given twice, or whoever follows the table misses what comes next. So the newest row
   * that stays gets a number above all, and is read once more; where none stays, followers begin anew.
   */
  #keepCounting(table: BodyTable, gone: ReadonlySet<number>): void {
    const db = this.#db
    db.transaction(() => {
      const newest = prepared(db, `SELECT max(seq) FROM ${table}`).pluck().get() as number | null
      if (newest === null || !gone.has(newest)) return
      const seqs = prepared(db, `SELECT seq FROM ${table} ORDER BY seq DESC`).pluck()
      let stays: number | undefined
      for (const seq of seqs.iterate() as IterableIterator<number>)
        if (!gone.has(seq)) {
          stays = seq
          break
        }
      if (stays === undefined) {
        // `_` stands for any one character of a name.
        const sql = "UPDATE cursors SET seq = 0 WHERE name LIKE ?"
        prepared(db, sql).run(`%${table}%`)
      } else if (table === "app_events") this.#insertAgain(stays, newest + 1)
      else prepared(db, `UPDATE ${table} SET seq = ? WHERE seq = ?`).run(newest + 1, stays)
    }).immediate()
  }

  /** The names of an event are kept in step by triggers on insert and delete. */
  #insertAgain(seq: number, as: number): void {
    const db = this.#db
    const columns = "id, observed_ms, tenant, source, event_id, body"
    const row = prepared(db, `SELECT ${columns} FROM app_events WHERE seq = ?`).get(seq) as object
    prepared(db, "DELETE FROM app_events WHERE seq = ?").run(seq)
    const sql = `INSERT INTO app_events (seq, ${columns})
      VALUES (@seq, @id, @observed_ms, @tenant, @source, @event_id, @body)`
    prepared(db, sql).run({ ...row, seq: as })
  }

  #dropOutbox(alertSeq: number): void {
    const sql = "DELETE FROM outbox WHERE alert_id = (SELECT id FROM alerts WHERE seq = ?)"
    prepared(this.#db, sql).run(alertSeq)
  }

  dropAlertState(incidentId: string): void {
    prepared(this.#db, "DELETE FROM alert_states WHERE incident_id = ?").run(incidentId)
  }

  put(table: BodyTable, seq: number, body: string): void {
    prepared(this.#db, `UPDATE ${table} SET body = ? WHERE seq = ?`).run(body, seq)
  }

  /** When a device was seen, and which sources listed it. */
  dropTraces(tenant: string, deviceId: string): number {
    return ["device_activity", "inventory_seen"].reduce((count, table) => {
      const sql = `DELETE FROM ${table} WHERE tenant = ? AND device_id = ?`
      return count + prepared(this.#db, sql).run(tenant, deviceId).changes
    }, 0)
  }

  /** Rewrites every text outside the facts; `change` gives the text itself where it names nobody. */
  rewrite(change: (text: string) => string): number {
    let count = 0
    for (const [table, key, column] of texts) {
      const rows = prepared(
        this.#db,
        `SELECT ${key} AS key, ${column} AS text FROM ${table} WHERE ${column} IS NOT NULL`,
      ).iterate() as IterableIterator<{ key: string; text: string }>
      const changed: (readonly [text: string, key: string])[] = []
      for (const { key: id, text } of rows) {
        const now = change(text)
        if (now !== text) changed.push([now, id])
      }
      count += changed.length
      const sql = `UPDATE ${table} SET ${column} = ? WHERE ${key} = ?`
      this.#inSteps(changed, (one) => prepared(this.#db, sql).run(...one))
    }
    return count + this.#rewritePairs(change)
  }

  #rewritePairs(change: (text: string) => string): number {
    const sql = "SELECT tenant, app_id, destination, body FROM pair_profiles"
    const rows = prepared(this.#db, sql).iterate() as IterableIterator<{
      tenant: string
      app_id: string
      destination: string
      body: string
    }>
    const changed: object[] = []
    for (const row of rows) {
      const body = change(row.body)
      if (body !== row.body) changed.push({ ...row, body })
    }
    const put = `UPDATE pair_profiles SET body = @body
      WHERE tenant = @tenant AND app_id = @app_id AND destination = @destination`
    this.#inSteps(changed, (one) => prepared(this.#db, put).run(one))
    return changed.length
  }

  #inSteps<One>(all: readonly One[], act: (one: One) => void): void {
    for (let from = 0; from < all.length; from += step)
      this.#db.transaction(() => all.slice(from, from + step).forEach(act)).immediate()
  }

  /** Rewrites what people said and what was done with the register. Both are chains that only grow, but for
   * this: see migrations/08-privacy.ts. */
  redact(erasureId: string, change: (text: string) => string): number {
    const db = this.#db
    return db
      .transaction(() => {
        prepared(db, "INSERT OR REPLACE INTO meta VALUES ('erasing', 1)").run()
        const count =
          this.#redactAudit(erasureId, change) +
          this.#redactLabels(erasureId, change) +
          this.#redactBaselines(change)
        prepared(db, "DELETE FROM meta WHERE name = 'erasing'").run()
        return count
      })
      .immediate()
  }

  #redactAudit(erasureId: string, change: (text: string) => string): number {
    const rows = prepared(this.#db, "SELECT * FROM register_audit ORDER BY seq").all() as AuditRow[]
    return rows.filter((row) => {
      const [reason, before, after] = [row.reason, row.before, row.after].map((text) =>
        text === null ? null : change(text),
      ) as [string | null, string | null, string | null]
      if (reason === row.reason && before === row.before && after === row.after) return false
      const sql = "UPDATE register_audit SET reason = ?, before = ?, after = ? WHERE seq = ?"
      prepared(this.#db, sql).run(reason, before, after, row.seq)
      const now = hashedText({ ...row, reason, before, after })
      this.#note("register_audit", row.seq, erasureId, now)
      return true
    }).length
  }

  #redactLabels(erasureId: string, change: (text: string) => string): number {
    const rows = prepared(
      this.#db,
      "SELECT seq, body FROM labels ORDER BY seq",
    ).all() as StoredBody[]
    return rows.filter(({ seq, body }) => {
      const now = change(body)
      if (now === body) return false
      prepared(this.#db, "UPDATE labels SET body = ? WHERE seq = ?").run(now, seq)
      this.#note("labels", seq, erasureId, now)
      return true
    }).length
  }

  #redactBaselines(change: (text: string) => string): number {
    const sql = "SELECT seq, body FROM baseline_changes"
    return (prepared(this.#db, sql).all() as StoredBody[]).filter(({ seq, body }) => {
      const now = change(body)
      if (now === body) return false
      prepared(this.#db, "UPDATE baseline_changes SET body = ? WHERE seq = ?").run(now, seq)
      return true
    }).length
  }

  #note(table: string, seq: number, erasureId: string, text: string): void {
    const sql = "INSERT OR REPLACE INTO redactions VALUES (?, ?, ?, ?)"
    prepared(this.#db, sql).run(table, String(seq), erasureId, digestOf(text))
  }

  /** Removes what earlier versions of records left in the file, and empties the log. Writers wait meanwhile:
   * about ten seconds a gigabyte. False: others read just now, and the log could not be emptied. */
  scrub(rewriteFile: boolean): boolean {
    if (rewriteFile) this.#db.exec("VACUUM")
    const [{ busy } = { busy: 1 }] = this.#db.pragma("wal_checkpoint(TRUNCATE)") as {
      busy: number
    }[]
    return busy === 0
  }
}

/** Rows that an erasure rewrote, by table: those of a chain that is followed. */
export function redactedRows(
  db: Database,
  table: "register_audit" | "labels",
): Map<number, string> {
  const sql = `SELECT row_id, now_sha256 FROM redactions
    JOIN erasures ON erasures.id = redactions.erasure_id WHERE kind = ?`
  const rows = prepared(db, sql).all(table) as { row_id: string; now_sha256: string }[]
  return new Map(rows.map(({ row_id, now_sha256 }) => [Number(row_id), now_sha256]))
}

export function digestOf(text: string): string {
  return createHash("sha256").update(text).digest("hex")
}

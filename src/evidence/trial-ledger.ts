/**
 * What all workers of a machine together have let through under each trial: a file of its own, written
 * at once and by all of them, so that any number of workers grants one trial and no more.
 *
 * In: a connection that a trial would splice, bytes that it is about to pass. Out: whether there is room.
 * Fails closed: of a file that is busy, missing, damaged or another program's nothing is granted, and
 * the connection is inspected. Must not know why a trial was armed, nor that a correlator counts too.
 */
import { join } from "node:path"
import Database from "better-sqlite3"
import { createFile, inodeOf, useWriteAheadLog } from "./database.ts"
import { prepared } from "./prepared.ts"

export interface TrialCaps {
  connections: number
  /** Both directions together. */
  bytes: number
  /** From the first splice of any worker, in milliseconds. */
  lasts_ms: number
  /** For how long after its last use a trial is remembered, in milliseconds: longer than its entry
   * can stay in the register, or it would be granted anew. */
  kept_ms: number
}

/** `spent`: for good. `unavailable`: the file cannot be used now. */
export type Admission = { first_ms: number } | "spent" | "unavailable"

export interface TrialLedgerOptions {
  /** How long a connection may hold up its worker's event loop for another worker's transaction,
   * which takes some 60 us. */
  busyTimeoutMs?: number
  /** Once for each trouble that begins. */
  onTrouble?: (because: string) => void
}

export const trialsFile = "trials.db"

const schemaVersion = 1
/** A start may wait for other workers that start. */
const startTimeoutMs = 5_000
/** A file of another inode is looked for at most so often, in milliseconds. */
const reopenEvery = 1_000
/** Rows that are dropped at a time. */
const droppedAtOnce = 100

/** `bytes` are those leased: what a worker that died had left of its lease stays spent. */
const schema = `
CREATE TABLE IF NOT EXISTS trials (
  entry_id TEXT PRIMARY KEY, first_ms INTEGER NOT NULL, last_ms INTEGER NOT NULL,
  connections INTEGER NOT NULL, bytes INTEGER NOT NULL, kept_until_ms INTEGER NOT NULL
) STRICT;
CREATE INDEX IF NOT EXISTS trials_by_end ON trials (kept_until_ms);
PRAGMA user_version = ${schemaVersion};
`

interface Row {
  first_ms: number
  last_ms: number
  connections: number
  bytes: number
}

/**
 * Makes the file if there is none, then opens it. Never throws: a ledger that cannot be opened grants
 * nothing. While it is open it is not made again: who takes it away takes trials away until a start.
 */
export function openTrialLedger(dir: string, options: TrialLedgerOptions = {}): TrialLedger {
  const path = join(dir, trialsFile)
  const ledger = new TrialLedger(path, options)
  ledger.start(() => createFile(dir, path))
  return ledger
}

/** Owned state: a connection to the file. Its rows are bounded by `fleet-an-hour` times `kept_ms`. */
export class TrialLedger {
  readonly #path: string
  readonly #busyTimeoutMs: number
  readonly #onTrouble: (because: string) => void
  #file: { db: Database.Database; inode: number } | null = null
  #reopenAt = 0
  #trouble: string | null = null

  constructor(path: string, { busyTimeoutMs = 30, onTrouble = () => {} }: TrialLedgerOptions) {
    this.#path = path
    this.#busyTimeoutMs = busyTimeoutMs
    this.#onTrouble = onTrouble
  }

  start(create: () => void): void {
    try {
      create()
      this.#open(startTimeoutMs)
    } catch (error) {
      this.#failed(error)
    }
  }

  /** One more connection under a trial; `now` in epoch milliseconds. */
  admit(entryId: string, now: number, caps: TrialCaps): Admission {
    return this.#written<Admission>(now, "unavailable", (db) => {
      const row = stored(db, entryId)
      const at = Math.max(now, row?.last_ms ?? now)
      const connections = row?.connections ?? 0
      if (connections >= caps.connections || isOver(row, at, caps)) return "spent"
      const first_ms = row?.first_ms ?? now
      const bytes = row?.bytes ?? 0
      prepared(db, upsert).run({
        entryId,
        first_ms,
        at,
        connections: connections + 1,
        bytes,
        kept: at + caps.kept_ms,
      })
      if (!row) prepared(db, drop).run(now, droppedAtOnce)
      return { first_ms }
    })
  }

  /** Some of a trial's bytes for this worker to pass: at most `wanted`, none when they are spent. */
  lease(entryId: string, now: number, wanted: number, caps: TrialCaps): number {
    return this.#written(now, 0, (db) => {
      const row = stored(db, entryId)
      const at = Math.max(now, row?.last_ms ?? now)
      if (!row || isOver(row, at, caps)) return 0
      const leased = Math.min(wanted, caps.bytes - row.bytes)
      const { first_ms, connections } = row
      const bytes = row.bytes + leased
      prepared(db, upsert).run({
        entryId,
        first_ms,
        at,
        connections,
        bytes,
        kept: at + caps.kept_ms,
      })
      return leased
    })
  }

  close(): void {
    this.#file?.db.close()
    this.#file = null
  }

  /** One transaction that no other worker can come between; `refusal` if it cannot be had. */
  #written<Answer>(now: number, refusal: Answer, act: (db: Database.Database) => Answer): Answer {
    try {
      const db = this.#inPlace(now)
      const answer = db.transaction(() => act(db)).immediate()
      this.#trouble = null
      return answer
    } catch (error) {
      this.#failed(error)
      return refusal
    }
  }

  /** A file that was taken away counts for nobody: what it says must not decide. */
  #inPlace(now: number): Database.Database {
    if (this.#file && inodeOf(this.#path) === this.#file.inode) return this.#file.db
    this.close()
    if (now < this.#reopenAt && now >= this.#reopenAt - reopenEvery)
      throw new Error(this.#trouble ?? "the file is gone")
    this.#reopenAt = now + reopenEvery
    return this.#open(this.#busyTimeoutMs)
  }

  #open(timeoutMs: number): Database.Database {
    const inode = inodeOf(this.#path)
    const db = new Database(this.#path, { fileMustExist: true, timeout: timeoutMs })
    try {
      prepareFile(db, timeoutMs)
      db.pragma(`busy_timeout = ${this.#busyTimeoutMs}`)
    } catch (error) {
      db.close()
      throw error
    }
    this.#file = { db, inode }
    return db
  }

  #failed(error: unknown): void {
    const because = error instanceof Error ? error.message : String(error)
    // After an error of its content the connection is not trusted; busy is no such error.
    if (!/^SQLITE_BUSY/.test(codeOf(error))) this.close()
    if (this.#trouble === null) this.#onTrouble(because)
    this.#trouble = because
  }
}

/**
 * Commits survive the death of a process. A power failure may take back the last ones, so that trials
 * of those seconds are granted once more: a flush to disk for each would hold up the worker's traffic.
 */
function prepareFile(db: Database.Database, timeoutMs: number): void {
  const version = db.pragma("user_version", { simple: true })
  if (version !== 0 && version !== schemaVersion)
    throw new Error(`it was written by another version of pinsensor (schema ${version})`)
  useWriteAheadLog(db, timeoutMs)
  db.pragma("synchronous = NORMAL")
  if (version === 0) db.transaction(() => db.exec(schema)).immediate()
}

const select = "SELECT first_ms, last_ms, connections, bytes FROM trials WHERE entry_id = ?"
const upsert = `INSERT INTO trials VALUES (@entryId, @first_ms, @at, @connections, @bytes, @kept)
  ON CONFLICT (entry_id) DO UPDATE SET last_ms = excluded.last_ms,
    connections = excluded.connections, bytes = excluded.bytes,
    kept_until_ms = max(kept_until_ms, excluded.kept_until_ms)`
const drop = `DELETE FROM trials WHERE entry_id IN
  (SELECT entry_id FROM trials WHERE kept_until_ms < ? LIMIT ?)`

function stored(db: Database.Database, entryId: string): Row | undefined {
  return prepared(db, select).get(entryId) as Row | undefined
}

/** `at` never goes back, so that a clock that is set back does not lengthen a trial. */
function isOver(row: Row | undefined, at: number, caps: TrialCaps): boolean {
  return row !== undefined && (row.bytes >= caps.bytes || at >= row.first_ms + caps.lasts_ms)
}

function codeOf(error: unknown): string {
  return error instanceof Error && "code" in error ? String(error.code) : ""
}

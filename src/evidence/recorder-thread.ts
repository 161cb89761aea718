/**
 * The thread behind a Recorder: owns a connection, writes each batch in one transaction, answers.
 *
 * An error that time may cure (locked, disk full, file gone) goes back and the batch will come
 * again. A row that no database could take must not hold up the others: it is rejected, by itself.
 */
import { parentPort, workerData } from "node:worker_threads"
import type { Database } from "better-sqlite3"
import { appendSerialised } from "./append.ts"
import { inodeOf, openDatabase } from "./database.ts"
import type { Row } from "./tables.ts"

export interface ToThread {
  batch: number
  rows: Row[]
}

export interface FromThread {
  batch: number
  /** Rows left out because they can never be stored. */
  rejected: number
  /** Why nothing of the batch is known to be stored; null when it is. */
  error: string | null
}

/** A second of waiting for a lock is enough here: the queue is on the other side. */
const busyTimeoutMs = 1_000

const { dir } = workerData as { dir: string }
let db: Database | null = null
let inode = 0

parentPort?.on("message", ({ batch, rows }: ToThread) => {
  let answer: FromThread = { batch, rejected: 0, error: null }
  try {
    answer = { ...answer, rejected: write(rows) }
  } catch (error) {
    answer = { ...answer, error: error instanceof Error ? error.message : String(error) }
    if (!isBusy(error)) close()
  }
  parentPort?.postMessage(answer)
})

/** Returns how many rows were rejected. */
function write(rows: Row[]): number {
  const to = open()
  try {
    appendSerialised(to, rows)
    return 0
  } catch (error) {
    if (!isHopeless(error)) throw error
    return writeOneByOne(to, rows)
  }
}

/** A file that was moved or removed reaches nobody, though it can be written: then a new one. */
function open(): Database {
  if (db && inodeOf(db.name) !== inode) close()
  if (!db) {
    db = openDatabase(dir, { busyTimeoutMs })
    inode = inodeOf(db.name)
  }
  return db
}

function writeOneByOne(to: Database, rows: Row[]): number {
  return to
    .transaction(() => {
      let rejected = 0
      for (const row of rows) {
        try {
          appendSerialised(to, [row])
        } catch (error) {
          if (!isHopeless(error)) throw error
          rejected += 1
        }
      }
      return rejected
    })
    .immediate()
}

/** After an error the connection is not trusted; the next batch opens a new one. */
function close(): void {
  try {
    db?.close()
  } catch {
    // Nothing more can be done with it.
  }
  db = null
}

function isBusy(error: unknown): boolean {
  return codeOf(error).startsWith("SQLITE_BUSY")
}

/** The row itself is at fault: a missing value, a wrong type, too big for SQLite. */
function isHopeless(error: unknown): boolean {
  const code = codeOf(error)
  return error instanceof RangeError || /^SQLITE_(CONSTRAINT|MISMATCH|TOOBIG|RANGE)/.test(code)
}

function codeOf(error: unknown): string {
  return error instanceof Error && "code" in error ? String(error.code) : ""
}

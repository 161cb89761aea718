/**
 * Opening the database: makes the folder and the file, brings the schema up to date, and says in plain
 * words what to do when that cannot be done. Any number of processes may do this at once.
 */
import { closeSync, existsSync, mkdirSync, openSync, statSync } from "node:fs"
import { join } from "node:path"
import Database from "better-sqlite3"
import { migrations } from "./migrations.ts"

export interface DatabaseOptions {
  /** For pollers: never writes, never migrates. */
  readonly?: boolean
  /** How long to wait for another process' transaction before the error SQLITE_BUSY. */
  busyTimeoutMs?: number
  /** Pages that SQLite keeps by itself, 32 MiB unless said; what it reads again beyond that comes from
   * the system's own cache. */
  cacheMiB?: number
  /** What is committed survives a power cut too, at the price of waiting for the disk at each commit: for
   * what somebody was told is kept. */
  durable?: boolean
}

type Connection = Database.Database

export const storeFile = "evidence.sqlite"

export function openDatabase(dir: string, options: DatabaseOptions): Connection {
  const path = join(dir, storeFile)
  const readonly = options.readonly ?? false
  if (!readonly) createFile(dir, path)
  else if (!existsSync(path)) {
    throw new Error(
      `evidence: there is no ${path}; start \`pinsensor run\` or import records first`,
    )
  }
  const timeout = options.busyTimeoutMs ?? 5_000
  let db: Connection | undefined
  try {
    db = new Database(path, { readonly, timeout })
    configure(db, options, timeout)
    if (readonly) checkVersion(db)
    else migrate(db)
  } catch (cause) {
    db?.close()
    throw explained(path, cause)
  }
  return db
}

/** Tells a file from another that took its place; 0 if there is none. */
export function inodeOf(path: string): number {
  return statSync(path, { throwIfNoEntry: false })?.ino ?? 0
}

/**
 * Only ever creates. To open and close an existing file here would drop the locks that SQLite's
 * other connections of this process hold on it (POSIX locks belong to the process).
 */
export function createFile(dir: string, path: string): void {
  mkdirSync(dir, { recursive: true, mode: 0o700 })
  try {
    closeSync(openSync(path, "wx", 0o600))
  } catch (error) {
    if (codeOf(error) !== "EEXIST") throw explained(path, error)
  }
}

/**
 * 8 KiB pages hold four attempts each and cost a twentieth less CPU to append to than 4 KiB. The log is folded
 * back each 8,000 pages (64 MiB): a page of an index that many batches touch is then copied once;
 * at 16 MiB an append cost an eighth more CPU. After a burst it is cut to 128 MiB.
 */
function configure(
  db: Connection,
  { readonly = false, cacheMiB = 32, durable = false }: DatabaseOptions,
  timeoutMs: number,
): void {
  db.pragma("foreign_keys = ON")
  db.pragma(`cache_size = ${-1024 * cacheMiB}`)
  if (readonly) return
  db.pragma("page_size = 8192")
  useWriteAheadLog(db, timeoutMs)
  db.pragma(`synchronous = ${durable ? "FULL" : "NORMAL"}`)
  db.pragma("wal_autocheckpoint = 8000")
  db.pragma("journal_size_limit = 134217728")
}

/** Of several processes that open a new file one changes its mode; SQLite lets the others not wait
 * for that, they are told BUSY at once. */
export function useWriteAheadLog(db: Connection, timeoutMs: number): void {
  const pauseMs = 20
  for (let waited = 0; ; waited += pauseMs) {
    try {
      if (db.pragma("journal_mode = WAL", { simple: true }) === "wal") return
      throw new Error("its file system cannot share memory (a network share?); use a local disk")
    } catch (error) {
      if (codeOf(error) !== "SQLITE_BUSY" || waited >= timeoutMs) throw error
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, pauseMs)
    }
  }
}

function migrate(db: Connection): void {
  if (versionOf(db) === newest()) return
  db.transaction(() => {
    // Read again under the lock: another process may have been faster.
    const version = versionOf(db)
    db.exec(`CREATE TABLE IF NOT EXISTS migrations (
      version INTEGER PRIMARY KEY, name TEXT NOT NULL) STRICT`)
    for (const step of migrations.filter((one) => one.version > version)) {
      db.exec(step.sql)
      db.prepare("INSERT INTO migrations VALUES (?, ?)").run(step.version, step.name)
    }
  }).immediate()
}

function checkVersion(db: Connection): void {
  if (versionOf(db) === newest()) return
  throw new Error("its schema is older; any `pinsensor run`, import or db check updates it")
}

/** Version of the schema; 0 for an empty file. */
function versionOf(db: Connection): number {
  const tables = db.prepare("SELECT name FROM sqlite_schema WHERE type = 'table'").pluck().all()
  if (tables.length === 0) return 0
  if (!tables.includes("migrations")) {
    throw new Error("it is a database of another program; choose another --data directory")
  }
  const sql = "SELECT coalesce(max(version), 0) FROM migrations"
  const version = db.prepare(sql).pluck().get() as number
  if (version > newest()) {
    throw new Error(
      `it was written by a newer pinsensor (schema ${version}, this one knows ${newest()}); run that version, or choose another --data directory`,
    )
  }
  return version
}

function newest(): number {
  return migrations.at(-1)?.version ?? 0
}

function explained(path: string, cause: unknown): Error {
  const code = codeOf(cause)
  const because = cause instanceof Error ? cause.message : String(cause)
  if (code === "SQLITE_NOTADB" || code.startsWith("SQLITE_CORRUPT")) {
    return new Error(
      `evidence: ${path} is damaged or no database (${because}); save what is left with \`sqlite3 ${path} .recover\`, then move it and its -wal and -shm files away and start again: a new one is made`,
      { cause },
    )
  }
  return new Error(`evidence: cannot use ${path}: ${because}`, { cause })
}

function codeOf(error: unknown): string {
  return error instanceof Error && "code" in error ? String(error.code) : ""
}

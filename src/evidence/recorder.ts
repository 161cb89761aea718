/**
 * Recording from a sensor worker without ever waiting for the disk.
 *
 * In: records, at the pace of traffic. Out: batches to a thread that owns the connection, so lock
 * waits, fsync and a full disk happen off the event loop. Must not know what a record means.
 *
 * When evidence cannot be stored traffic goes on: fails open, and drops are counted. `record` never
 * throws and never waits; a full queue drops the new record, so what is kept is a clean beginning.
 */
import { Worker } from "node:worker_threads"
import type { RecordOf } from "../record/kinds.ts"
import type { FromThread, ToThread } from "./recorder-thread.ts"
import { hitRow, toRow } from "./serialise.ts"
import type { FactKind, RegisterHit, Row } from "./tables.ts"

export interface RecorderCounters {
  /** Waiting, the batch under way included. */
  queued: number
  /** In the database, known by an acknowledged commit. */
  written: number
  /** Not taken because the queue was full or closed, or left in it at the end. */
  dropped: number
  /** Taken or offered, but no record the database could ever hold. */
  failed: number
}

/** One each time the state changes. */
export interface RecorderTrouble {
  state: "failing" | "recovered"
  /** What the store said; for `recovered` what it had said. */
  because: string
}

export interface RecorderOptions {
  dir: string
  /** Records the queue holds. */
  maxRecords?: number
  /** Their size: characters of all columns, plus 128 a record. */
  maxBytes?: number
  onTrouble?: (event: RecorderTrouble) => void
}

/** A batch leaves after 50 ms, or with 1,000 records; what piled up behind a slow commit leaves in
 * batches of up to 5,000 (8 MiB of attempts), which costs a fifth less a record. */
const batchMs = 50
const batchRecords = 1_000
const mostInBatch = 5_000
/** After a failure: 100 ms, doubling, at most 5 s. */
const firstRetryMs = 100
const lastRetryMs = 5_000

export class Recorder {
  readonly #dir: string
  readonly #maxRecords: number
  readonly #maxBytes: number
  readonly #onTrouble: (event: RecorderTrouble) => void
  /** Bounded by maxRecords and maxBytes; a new record that does not fit is dropped and counted. */
  readonly #queue: Row[] = []
  #bytes = 0
  #written = 0
  #dropped = 0
  #failed = 0
  #thread: Worker | null = null
  /** Records of the batch under way: the first so many of the queue. */
  #underWay = 0
  #batch = 0
  #timer: NodeJS.Timeout | null = null
  #retryMs = firstRetryMs
  #trouble: string | null = null
  #closed = false
  #waiting: (() => void)[] = []

  constructor(options: RecorderOptions) {
    this.#dir = options.dir
    this.#maxRecords = options.maxRecords ?? 50_000
    this.#maxBytes = options.maxBytes ?? 64 * 1024 * 1024
    this.#onTrouble = options.onTrouble ?? (() => {})
  }

  /** Starts the thread ahead of the first record, which else waits for it (some 0.3 s). */
  start(): void {
    this.#thread ??= this.#startThread()
  }

  /** True if the record was taken; false if it was dropped or is none, which the counters show. */
  record<K extends FactKind>(kind: K, record: RecordOf[K]): boolean {
    return this.#take(() => toRow(kind, record))
  }

  /** The same for the use of a register entry. */
  recordHit(hit: RegisterHit): boolean {
    return this.#take(() => hitRow(hit))
  }

  counters(): RecorderCounters {
    return {
      queued: this.#queue.length,
      written: this.#written,
      dropped: this.#dropped,
      failed: this.#failed,
    }
  }

  /** Settles when the queue is empty. While the store fails that can take for ever: see `close`. */
  async flush(): Promise<void> {
    while (this.#queue.length > 0) {
      this.#send()
      await new Promise<void>((settled) => this.#waiting.push(settled))
    }
  }

  /** Writes what is queued, for at most `deadlineMs`; what is left then is dropped and counted. */
  async close(deadlineMs = 5_000): Promise<void> {
    this.#closed = true
    let deadline: NodeJS.Timeout | undefined
    const late = new Promise<void>((settled) => {
      deadline = setTimeout(settled, deadlineMs)
    })
    await Promise.race([this.flush(), late])
    clearTimeout(deadline)
    this.#stopTimer()
    const thread = this.#thread
    this.#thread = null
    this.#dropped += this.#queue.length
    this.#forget(this.#queue.length)
    this.#underWay = 0
    for (const settled of this.#waiting.splice(0)) settled()
    await thread?.terminate()
  }

  #take(row: () => Row): boolean {
    if (this.#closed || this.#queue.length >= this.#maxRecords) return this.#drop()
    try {
      const made = row()
      const size = sizeOf(made)
      if (Number.isNaN(size)) throw new TypeError("a column that is neither text, number nor null")
      if (this.#bytes + size > this.#maxBytes) return this.#drop()
      this.#queue.push(made)
      this.#bytes += size
    } catch {
      this.#failed += 1
      return false
    }
    if (this.#underWay > 0 || this.#trouble !== null) return true
    if (this.#queue.length >= batchRecords) this.#send()
    else if (this.#timer === null) this.#sendIn(batchMs)
    return true
  }

  #drop(): false {
    this.#dropped += 1
    return false
  }

  #send(): void {
    if (this.#underWay > 0 || this.#queue.length === 0) return
    this.#stopTimer()
    const rows = this.#queue.slice(0, mostInBatch)
    try {
      this.#thread ??= this.#startThread()
      this.#underWay = rows.length
      this.#batch += 1
      this.#thread.postMessage({ batch: this.#batch, rows } satisfies ToThread)
    } catch (error) {
      this.#fail(error)
    }
  }

  #startThread(): Worker {
    const workerData = { dir: this.#dir }
    const thread = new Worker(new URL("./recorder-thread.ts", import.meta.url), { workerData })
    let death = "the thread ended"
    thread.on("message", (answer: FromThread) => {
      if (thread === this.#thread) this.#hear(answer)
    })
    thread.on("error", (error) => {
      death = error.message
    })
    thread.on("exit", () => {
      if (thread !== this.#thread) return
      this.#thread = null
      this.#fail(`recorder: ${death}`)
    })
    return thread
  }

  #hear(answer: FromThread): void {
    if (answer.batch !== this.#batch || this.#underWay === 0) return
    if (answer.error !== null) {
      this.#fail(answer.error)
      return
    }
    this.#written += this.#underWay - answer.rejected
    this.#failed += answer.rejected
    this.#forget(this.#underWay)
    this.#underWay = 0
    this.#retryMs = firstRetryMs
    if (this.#trouble !== null) this.#tell({ state: "recovered", because: this.#trouble })
    this.#trouble = null
    if (this.#queue.length >= batchRecords || this.#closed) this.#send()
    else if (this.#queue.length > 0) this.#sendIn(batchMs)
    for (const settled of this.#waiting.splice(0)) settled()
  }

  /** The batch stays at the head of the queue and is sent again; ids make that harmless. */
  #fail(error: unknown): void {
    const because = error instanceof Error ? error.message : String(error)
    this.#underWay = 0
    if (this.#trouble === null) this.#tell({ state: "failing", because })
    this.#trouble = because
    this.#sendIn(this.#retryMs)
    this.#retryMs = Math.min(this.#retryMs * 2, lastRetryMs)
  }

  #tell(event: RecorderTrouble): void {
    try {
      this.#onTrouble(event)
    } catch {
      // A listener that throws must not stop the recording.
    }
  }

  #forget(records: number): void {
    for (const row of this.#queue.splice(0, records)) this.#bytes -= sizeOf(row)
  }

  #sendIn(ms: number): void {
    this.#stopTimer()
    this.#timer = setTimeout(() => this.#send(), ms)
  }

  #stopTimer(): void {
    if (this.#timer) clearTimeout(this.#timer)
    this.#timer = null
  }
}

/** Characters and 128 more; NaN if a value is of no type that the database has. */
function sizeOf(row: Row): number {
  let size = 128
  for (const value of row.values) {
    if (typeof value === "string") size += value.length
    else if (value === null || Number.isFinite(value)) size += 8
    else return Number.NaN
  }
  return size
}

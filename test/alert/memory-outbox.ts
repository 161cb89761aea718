/** The outbox as the store keeps it, in memory: the same rules, for tests of sinks. */
import type { Outbox } from "../../src/alert/send.ts"
import { alert } from "./samples.ts"

export interface MemoryOutbox extends Outbox {
  /** Puts alerts with these ids in, in order. */
  put(...ids: string[]): void
  /** Ids not yet marked as sent. */
  waiting(): string[]
  /** Errors of failed tries, oldest first. */
  errors: string[]
  /** Ids in the order in which they were marked as sent. */
  marked: string[]
}

export function memoryOutbox(): MemoryOutbox {
  const rows: { seq: number; id: string; nextMs: number; sent: boolean }[] = []
  const errors: string[] = []
  const marked: string[] = []
  const find = (seq: number) => {
    const row = rows[seq - 1]
    if (!row) throw new Error(`no row ${seq}`)
    return row
  }
  return {
    errors,
    marked,
    put: (...ids) => {
      for (const id of ids) rows.push({ seq: rows.length + 1, id, nextMs: 0, sent: false })
    },
    waiting: () => rows.filter((row) => !row.sent).map((row) => row.id),
    due: (_sink, now, limit) =>
      rows
        .filter((row) => !row.sent && row.nextMs <= now)
        .slice(0, limit)
        .map(({ seq, id }) => ({ seq, alert: alert({ id }) })),
    sent: (seq) => {
      const row = find(seq)
      if (row.sent) throw new Error(`row ${seq} was sent before`)
      row.sent = true
      marked.push(row.id)
    },
    failed: (seq, nextMs, error) => {
      find(seq).nextMs = nextMs
      errors.push(error)
    },
  }
}

/** Rows of Kea's journal as bindings. In: batches of a file that is followed. Out: statements. */
import type { FileBatch } from "../../source/follow-file.ts"
import { readKeaHeader, readKeaRow } from "./kea.ts"
import type { Lease } from "./lease.ts"
import { LeaseLedger, type LeaseStated } from "./ledger.ts"

export interface Journal {
  stated: LeaseStated[]
  rejected: { at: number; because: string }[]
}

type Row = Lease & { asked: number }

export class KeaJournal {
  readonly ledger = new LeaseLedger()
  readonly #family: 4 | 6

  constructor(family: 4 | 6) {
    this.#family = family
  }

  read(batch: Pick<FileBatch, "live" | "head" | "units" | "modifiedMs" | "atEnd">): Journal {
    this.ledger.undo()
    const columns = readKeaHeader(batch.head.split("\n", 1)[0] ?? "")
    const rejected: Journal["rejected"] = []
    const rows: Row[] = []
    for (const { text, at } of batch.units) {
      if (readKeaHeader(text)) continue
      const row = columns ? readKeaRow(text, columns, this.#family) : noHeader
      if ("fault" in row) rejected.push({ at, because: row.fault })
      else if (row.asked !== null) rows.push({ ...row, asked: row.asked })
    }
    const ends = releaseTimes(rows, batch)
    const stated = rows.flatMap((row, index) =>
      // What the cleanup writes again of the past comes after the first rows of the new file.
      !batch.live && this.ledger.isStale(row)
        ? []
        : this.ledger.take(row, ends[index] ?? row.asked),
    )
    return { stated, rejected }
  }
}

const noHeader = { fault: "the file has no header of Kea's in its first line" }

/**
 * When each row was written, as near as can be told. That of a release (a lifetime of 0) has only the time of the
 * last renewal; but rows are written in order, so it lies before the next client asked, and before the
 * file was written last. A declined address has the time at which it was declined.
 */
function releaseTimes(
  rows: readonly Row[],
  { modifiedMs, atEnd }: Pick<FileBatch, "modifiedMs" | "atEnd">,
): number[] {
  const latest = rows.reduce((most, { asked }) => Math.max(most, asked), 0)
  // Rows know whole seconds only: the next holder's begins no earlier than this.
  let before = atEnd ? Math.floor(modifiedMs / 1_000) * 1_000 : latest
  const ends: number[] = []
  for (let index = rows.length - 1; index >= 0; index--) {
    const row = rows[index] as Row
    if (row.state === "held" || isDeclined(row)) before = Math.min(before, row.asked)
    ends[index] = Math.max(before, row.asked)
  }
  return ends
}

function isDeclined({ state, asked, ends }: Row): boolean {
  return state === "gone" && (ends === null || ends > asked)
}

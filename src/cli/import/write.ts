/** Imported records on their way into the store, in the order of their lines. */
import { isDeepStrictEqual } from "node:util"
import type { Store } from "../../evidence/store.ts"
import { durationText } from "../../record/duration.ts"
import type { RecordOf } from "../../record/kinds.ts"
import type { Problem } from "../../record/problem.ts"
import { type Completed, type ImportableKind, idAgain } from "./complete.ts"
import { importEntry, type RegisterImporter } from "./register.ts"

export type Written = "added" | "known" | "updated" | "conflicts" | "bad"

/** What became of a record, and what there is to tell of it. */
export interface Outcome {
  what: Written
  tell: Problem | null
}

/** As `finding mark` and `coverage accept` have it. */
const longest = 366 * 86_400_000

/** Writes one record. */
export function writeRecord(importer: RegisterImporter, completed: Completed): Outcome {
  const { store } = importer
  const { kind, record } = asStored(store, completed)
  if (kind === "register") return importEntry(importer, record as RecordOf["register"])
  const lasting = lastsTooLong(completed, importer.now)
  if (lasting) return { what: "bad", tell: lasting }
  if (kind === "labels") return importLabel(importer, record as RecordOf["labels"])
  const count = store.append(kind, [record as RecordOf[typeof kind]])
  if (count.erased !== undefined) {
    const text = "its device was erased; `pinsensor erase DEVICE --allow-return` lets it come back"
    return { what: "bad", tell: { field: "device_id", text } }
  }
  if (count.added > 0) return { what: "added", tell: null }
  if (count.updated > 0) return { what: "updated", tell: null }
  if (count.conflicts === 0) return { what: "known", tell: null }
  const text = `${record.id} is stored with other content, which is kept; give this one another id`
  return { what: "conflicts", tell: { field: "id", text } }
}

/** What silences alerts or accepts a gap ends within a year of when it was said, or of now, here as elsewhere. */
function lastsTooLong({ kind, record }: Completed, now: number): Problem | null {
  if (kind !== "labels" && kind !== "coverage-acceptances") return null
  const field = kind === "labels" ? "expires_at" : "review_at"
  const end: unknown = Reflect.get(record, field)
  const from = Math.max(now, Date.parse(record.observed_at))
  if (typeof end !== "string" || Date.parse(end) <= from + longest) return null
  const text = `lies more than ${durationText(longest)} ahead, and nobody says anything for so long; give it an earlier end`
  return { field, text }
}

/** What was said elsewhere counts as it stands; the audit says besides who brought it in. */
function importLabel({ store, who }: RegisterImporter, label: RecordOf["labels"]): Outcome {
  const { added, known } = store.putLabels([label], who)
  if (added > 0) return { what: "added", tell: null }
  if (known > 0) return { what: "known", tell: null }
  const text = `${label.id} is stored with other content, which is kept; give this one another id`
  return { what: "conflicts", tell: { field: "id", text } }
}

/**
 * A time that we filled in is no part of what the line says. So an event that is known gets the
 * stored one's; and a statement on a device or an app that says what is in force is that one. If
 * something else was said in between, it is said anew, under an id of its own.
 */
function asStored(
  store: Store,
  { kind, record, filled }: Completed,
): { kind: ImportableKind; record: RecordOf[ImportableKind] } {
  if (filled.length === 0) return { kind, record }
  const stored = store.get(kind, record.id)
  if (kind === "devices" || kind === "postures" || kind === "apps") {
    const inForce = store.inForce(kind, record as RecordOf[typeof kind])
    if (inForce && saysTheSame(inForce, record)) return { kind, record: inForce }
    const id = stored ? idAgain(record.id, record.observed_at) : record.id
    return { kind, record: { ...record, id } }
  }
  const times = Object.fromEntries(filled.map((field) => [field, Reflect.get(stored ?? {}, field)]))
  return { kind, record: stored ? { ...record, ...times } : record }
}

function saysTheSame(one: object, other: object): boolean {
  return isDeepStrictEqual(
    { ...one, id: "", observed_at: "" },
    { ...other, id: "", observed_at: "" },
  )
}

/** Imported records on their way into the store, in the order of their lines. */
import type { Store } from "../../evidence/store.ts"
import type { Kind, RecordOf } from "../../record/kinds.ts"
import { type Completed, idAgain } from "./complete.ts"

export type Written = "added" | "known" | "updated" | "conflicts"

/** Writes one record; the id returned is the one it has in the store. */
export function writeRecord(store: Store, completed: Completed, now: number): [Written, string] {
  const { kind, record } = asStored(store, completed)
  if (kind === "register") {
    const put = store.putRegister([record as RecordOf["register"]], "import", now)
    return [put.added > 0 ? "added" : put.changed > 0 ? "updated" : "known", record.id]
  }
  const count = store.append(kind, [record as RecordOf[typeof kind]])
  if (count.added > 0) return ["added", record.id]
  if (count.updated > 0) return ["updated", record.id]
  return [count.conflicts > 0 ? "conflicts" : "known", record.id]
}

/**
 * A time that we filled in is no part of what the line says, so a line that is known gets the time
 * of the stored record. Unless something else was said of the subject since: then it is said anew.
 */
function asStored(
  store: Store,
  { kind, record, filled }: Completed,
): { kind: Kind; record: RecordOf[Kind] } {
  const stored = filled.length > 0 ? store.get(kind, record.id) : null
  if (!stored) return { kind, record }
  if (isInventory(kind) && !store.isCurrent(kind, record.id)) {
    return { kind, record: { ...record, id: idAgain(record.id, record.observed_at) } }
  }
  const from = stored as unknown as Record<string, unknown>
  const times = Object.fromEntries(filled.map((field) => [field, from[field]]))
  return { kind, record: { ...record, ...times } }
}

function isInventory(kind: Kind): kind is "devices" | "postures" | "apps" {
  return kind === "devices" || kind === "postures" || kind === "apps"
}

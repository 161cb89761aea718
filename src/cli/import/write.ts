/** Imported records on their way into the store, in the order of their lines. */
import { isDeepStrictEqual } from "node:util"
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
 * A time that we filled in is no part of what the line says. So an event that is known gets the
 * stored one's; and a statement on a device or an app that says what is in force is that one. If
 * something else was said in between, it is said anew, under an id of its own.
 */
function asStored(
  store: Store,
  { kind, record, filled }: Completed,
): { kind: Kind; record: RecordOf[Kind] } {
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

function saysTheSame(one: RecordOf[Kind], other: RecordOf[Kind]): boolean {
  return isDeepStrictEqual(
    { ...one, id: "", observed_at: "" },
    { ...other, id: "", observed_at: "" },
  )
}

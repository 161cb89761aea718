/**
 * What was recorded before the start, within the window: who refused, who accepted what. It is
 * learned again a batch at a time, because a day may be millions of records.
 */
import type { Store } from "../../evidence/store.ts"
import type { Attempt } from "../../record/attempt.ts"
import type { Flow } from "../../record/flow.ts"

export interface Recalled {
  attempts: Attempt[]
  flows: Flow[]
}

/**
 * When the newest connection was that is stored, in epoch milliseconds; null: there is none. The clock is asked only
 * so that a record of the future (of a flow sensor whose clock is wrong) does not pass for the newest.
 */
export function newestUpTo(store: Pick<Store, "lastTime">, clock: number): number | null {
  const newest = (["attempts", "flows"] as const).flatMap(
    (kind) => store.lastTime(kind, clock + 1) ?? [],
  )
  return newest.length > 0 ? Math.max(...newest) : null
}

/** Records recalled at a time: few, so that they die young. */
const batch = 200

/** Only what was taken in before: what comes after the cursor is news. */
export function* recall(store: Store, since: number): Generator<Recalled> {
  for (const attempts of inBatches(upToCursor(store, "attempts", since)))
    yield { attempts, flows: [] }
  for (const flows of inBatches(upToCursor(store, "flows", since))) yield { attempts: [], flows }
}

function* upToCursor<K extends "attempts" | "flows">(store: Store, kind: K, since: number) {
  const cursor = store.cursor(`correlator/${kind}`)
  if (cursor === 0) return
  const [last] = store.follow(kind, cursor - 1, 1)
  for (const record of store.all(kind, since)) {
    yield record
    if (last?.seq === cursor && record.id === last.record.id) return
  }
}

export function* inBatches<Item>(items: Iterable<Item>): Generator<Item[]> {
  let some: Item[] = []
  for (const item of items) {
    some.push(item)
    if (some.length < batch) continue
    yield some
    some = []
  }
  if (some.length > 0) yield some
}

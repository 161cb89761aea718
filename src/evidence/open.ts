/** Opening the evidence store of a data directory. */
import { type DatabaseOptions, openDatabase } from "./database.ts"
import { outboxLimit } from "./outbox.ts"
import { Store } from "./store.ts"

export interface StoreOptions extends DatabaseOptions {
  /** Pending alerts a sink may have before the oldest are given up. */
  outboxLimit?: number
}

/** Makes what is missing and brings the schema up to date; any number of processes may, at once. */
export function openStore(dir: string, options: StoreOptions = {}): Store {
  const { outboxLimit: limit = outboxLimit, ...rest } = options
  return new Store(openDatabase(dir, rest), { outboxLimit: limit })
}

/** The store of a data directory, for verbs that only look and can do without one. */
import { existsSync } from "node:fs"
import { join } from "node:path"
import { storeFile } from "../evidence/database.ts"
import { openStore } from "../evidence/open.ts"
import type { Store } from "../evidence/store.ts"

/** `read` is given null where there is no store yet; one that is there and cannot be read is an error. */
export async function withStore<Answer>(
  dir: string,
  read: (store: Store | null) => Answer | Promise<Answer>,
): Promise<Answer> {
  if (!existsSync(join(dir, storeFile))) return read(null)
  const store = openStore(dir, { readonly: true })
  try {
    return await read(store)
  } finally {
    store.close()
  }
}

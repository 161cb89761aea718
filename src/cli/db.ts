/** `pinsensor db check [--data DIR]`: whether the evidence database is whole; 1 if it is not. */
import { existsSync } from "node:fs"
import { join } from "node:path"
import { storeFile } from "../evidence/database.ts"
import { openStore } from "../evidence/open.ts"
import { configFromFlags } from "./flags.ts"

export function db(args: readonly string[]): void {
  const [what, ...flags] = args
  if (what !== "check") throw new Error("say: pinsensor db check [--data DIR]")
  const { data } = configFromFlags(flags)
  // Opening would make an empty one, and that is always whole.
  if (!existsSync(join(data, storeFile)))
    throw new Error(`there is no ${join(data, storeFile)}; give the right directory with --data`)
  const store = openStore(data)
  try {
    const found = store.check()
    process.stdout.write(`${JSON.stringify(found, null, 2)}\n`)
    if (!found.ok) process.exitCode = 1
  } finally {
    store.close()
  }
}

/** `pinsensor db check [--data DIR]`: whether the evidence database is whole. */
import { openStore } from "../evidence/open.ts"
import { configFromFlags } from "./flags.ts"

export function db(args: readonly string[]): void {
  const [what, ...flags] = args
  if (what !== "check") throw new Error("say: pinsensor db check [--data DIR]")
  const store = openStore(configFromFlags(flags).data)
  try {
    process.stdout.write(`${JSON.stringify(store.check(), null, 2)}\n`)
  } finally {
    store.close()
  }
}

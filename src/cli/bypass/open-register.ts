/** The store and who acts on it, as each of the bypass verbs needs them. */
import { existsSync } from "node:fs"
import { join } from "node:path"
import type { Config } from "../../config.ts"
import { storeFile } from "../../evidence/database.ts"
import { openStore } from "../../evidence/open.ts"
import type { Store } from "../../evidence/store.ts"
import { dataConfig, dataFlags } from "../data-flags.ts"
import { printable } from "../printable.ts"
import { person } from "./person.ts"

export const actOptions = {
  ...dataFlags,
  reason: { type: "string" },
  "on-behalf-of": { type: "string" },
} as const

export interface ActFlags {
  data?: string
  config?: string
  reason?: string
  "on-behalf-of"?: string
}

/** What an act on the register is done with. */
export interface Desk {
  store: Store
  config: Config
  /** For the audit. */
  who: string
  /** Why, as the person says; for the audit. */
  reason: string
  /** Epoch milliseconds. */
  now: number
}

/** What came of an act: one line for the person, and notes beside it. */
export interface Done {
  said: string
  notes?: readonly string[]
}

/** Reads and changes in one transaction: nobody changes the entry in between, and what is said has
 * happened. Only `add` makes a store where there is none. */
export function atDesk(flags: ActFlags, act: (desk: Desk) => Done, mayMake = false): void {
  const { reason } = flags
  if (reason === undefined || reason.trim() === "")
    throw new Error("say why with --reason; auditors read it")
  const onBehalfOf = flags["on-behalf-of"]
  if (onBehalfOf?.trim() === "") throw new Error("--on-behalf-of: it is empty")
  const config = dataConfig(flags)
  const file = join(config.data, storeFile)
  const isNew = !existsSync(file)
  if (isNew && !mayMake)
    throw new Error(`there is no ${file}; give the sensor's directory with --data or --config`)
  const store = openStore(config.data)
  try {
    const desk = { store, config, who: person(onBehalfOf), reason, now: Date.now() }
    const { said, notes = [] } = store.transaction(() => act(desk))
    if (isNew) note(`${file} was made; a sensor that runs with another --data does not see it`)
    for (const text of notes) note(text)
    tell(said)
  } finally {
    store.close()
  }
}

export function readRegister<T>(
  flags: Pick<ActFlags, "data" | "config">,
  read: (store: Store) => T,
): T {
  const store = openStore(dataConfig(flags).data, { readonly: true })
  try {
    return read(store)
  } finally {
    store.close()
  }
}

/** The one id that a verb is about. */
export function oneId(verb: string, ids: readonly string[]): string {
  const [id, ...more] = ids
  if (id === undefined || more.length > 0)
    throw new Error(
      `name one entry: pinsensor bypass ${verb} ID (\`pinsensor bypass list\` shows them)`,
    )
  return id
}

function note(text: string): void {
  process.stderr.write(`note: ${printable(text)}\n`)
}

/** Prints one line for the person. */
export function tell(text: string): void {
  process.stdout.write(`${printable(text)}\n`)
}

/**
 * `pinsensor pseudonym reveal VALUE --reason WHY`: what a pseudonym stands for, for who may read the key. Noted
 * with who asked and why before it is said; `pinsensor pseudonym list` shows these notes.
 */
import { parseArgs } from "node:util"
import { openStore } from "../evidence/open.ts"
import type { Store } from "../evidence/store.ts"
import { type NameKind, type Pseudonyms, pseudonymKinds } from "../record/pseudonym.ts"
import { actOptions, tell } from "./bypass/open-register.ts"
import { person } from "./bypass/person.ts"
import { dataConfig } from "./data-flags.ts"
import { openPseudonyms } from "./open-pseudonyms.ts"

const usage = "say: pinsensor pseudonym reveal VALUE --reason WHY, or pinsensor pseudonym list"

export function pseudonym(args: readonly string[]): void {
  const { values, positionals } = parseArgs({
    args: [...args],
    options: actOptions,
    allowPositionals: true,
  })
  const [what, pseudonym, ...more] = positionals
  if (more.length > 0 || (what === "reveal") !== (pseudonym !== undefined)) throw new Error(usage)
  const { data } = dataConfig(values)
  if (what === "list") return list(data)
  if (what !== "reveal" || pseudonym === undefined) throw new Error(usage)
  const { reason } = values
  if (reason === undefined || reason.trim() === "")
    throw new Error("say why with --reason; it is noted with your name")
  // Read first: whoever may not read the key leaves no note of having read it.
  const reader = openStore(data, { readonly: true })
  try {
    const found = revealed(reader, openPseudonyms(data, reader, false), pseudonym)
    const store = openStore(data)
    const who = person(values["on-behalf-of"])
    store.privacy.noteReveal({ at_ms: Date.now(), who, reason, pseudonym, found: found !== null })
    store.close()
    if (found === null)
      throw new Error(`${pseudonym} stands for nothing that is stored here, or under another key`)
    tell(found)
  } finally {
    reader.close()
  }
}

function revealed(store: Store, pseudonyms: Pseudonyms, said: string): string | null {
  const text = said.startsWith("address:") ? said.slice("address:".length) : said
  const names = store.privacy.knownNames()
  for (const kind of kindsOf(text))
    for (const value of names.all(kind)) if (pseudonyms.of(kind, value) === text) return value
  return null
}

function kindsOf(pseudonym: string): NameKind[] {
  const kind = /^pn-([a-z]+)-[0-9a-f]{24}$/.exec(pseudonym)?.[1]
  const known: NameKind[] = [...pseudonymKinds, "network"]
  if (kind !== undefined) return known.filter((one) => one === kind)
  if (/^fd[0-9a-f]{2}:/.test(pseudonym)) return ["address"]
  throw new Error(`"${pseudonym}" is no pseudonym: they begin with pn-, those of addresses with fd`)
}

function list(dir: string): void {
  const store = openStore(dir, { readonly: true })
  try {
    for (const { at_ms, who, reason, pseudonym, found } of store.privacy.reveals())
      tell(
        `${new Date(at_ms).toISOString()}  ${pseudonym}  ${found ? "revealed" : "not found"}  by ${who}: ${reason}`,
      )
  } finally {
    store.close()
  }
}

/**
 * The register as it stood at a time, from its audit: what explains a splice is the entry as it was
 * then, not what has become of it.
 */
import type { Store } from "../../evidence/store.ts"
import { unused } from "../../policy/trial/trial-step.ts"
import type { RegisterChange } from "../../record/register-change.ts"
import type { RegisterEntry } from "../../record/register-entry.ts"

interface Version {
  from: number
  entry: RegisterEntry
}

export class PastRegister {
  readonly #keptFor: number
  /** Every version of every entry, oldest first: 1 KiB each, of a trial some six. */
  readonly #versions = new Map<string, Version[]>()

  /** `keptFor`: for how long an entry that has ended still explains evidence, in milliseconds. */
  constructor(store: Pick<Store, "all">, keptFor: number) {
    this.#keptFor = keptFor
    for (const change of store.all("register-changes")) this.#take(change)
    // What has no audit (it was brought in by other means) is taken as it stands.
    for (const entry of store.all("register"))
      if (!this.#versions.has(entry.id))
        this.#versions.set(entry.id, [{ from: Date.parse(entry.created_at), entry }])
  }

  /** Entries that were there at this time, or had ended not long before. */
  at(now: number): RegisterEntry[] {
    return [...this.#versions.values()]
      .map((versions) => (versions.findLast(({ from }) => from <= now) ?? versions[0])?.entry)
      .filter((entry) => entry !== undefined)
      .filter(({ expires_at }) =>
        expires_at === null ? true : Date.parse(expires_at) > now - this.#keptFor,
      )
  }

  /** One that was taken out is as it was when it ended. */
  #take({ entry_id, observed_at, before, after }: RegisterChange): void {
    const known = this.#versions.get(entry_id) ?? []
    const body = after ?? (before && { ...before, expires_at: observed_at })
    if (!body) return
    known.push({ from: Date.parse(observed_at), entry: { ...body, ...unused } })
    this.#versions.set(entry_id, known)
  }
}

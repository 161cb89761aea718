/** The register as the correlator asks for it with each pass, read again only when it changed. */
import type { Store } from "../../evidence/store.ts"
import type { RegisterEntry } from "../../record/register-entry.ts"

const day = 86_400_000

export class RegisterMemory {
  readonly #store: Store
  readonly #keptFor: number
  #revision = -1
  /** Bounded by `keptFor` and the caps on trials (30 an hour for the fleet unless configured). */
  #entries: RegisterEntry[] = []

  /** `keptFor`: for how long an entry that has ended still explains evidence, in milliseconds. */
  constructor(store: Store, keptFor: number) {
    this.#store = store
    this.#keptFor = Math.max(keptFor, day)
  }

  /** `now` in epoch milliseconds. */
  entries(now: number): RegisterEntry[] {
    const revision = this.#store.registerRevision()
    if (revision === this.#revision) return this.#entries
    this.#entries = []
    for (const entry of this.#store.all("register"))
      if (endOf(entry) > now - this.#keptFor) this.#entries.push(entry)
    this.#revision = revision
    return this.#entries
  }

  /** Those that run or have not ended, and those of the last day, which count against caps. */
  trials(now: number): RegisterEntry[] {
    return this.entries(now).filter((entry) => entry.kind === "trial" && endOf(entry) > now - day)
  }
}

function endOf({ expires_at }: RegisterEntry): number {
  return expires_at === null ? Number.POSITIVE_INFINITY : Date.parse(expires_at)
}

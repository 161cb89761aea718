/**
 * The register as the correlator asks for it with each pass: read once, then kept in step by its
 * audit, so that a change costs what it changes.
 */
import type { Store } from "../../evidence/store.ts"
import type { RegisterEntry } from "../../record/register-entry.ts"

const day = 86_400_000
/** What was learned and ended before its time is not learned anew at once, be `hold-for` long. */
const keptLearned = 90 * day
/** Changes read at a time. */
const batch = 1_000

export class RegisterMemory {
  readonly #store: Store
  readonly #keptFor: number
  readonly #trialsFor: number
  /** Everything in force or proposed, and what ended within `keptFor`; bounded by the caps on
   * trials (30 an hour for the fleet unless configured) and by what operators declare. */
  readonly #entries = new Map<string, RegisterEntry>()
  /** Of those, what was learned and ended by a person. */
  readonly #endedByHand = new Set<string>()
  /** Up to which change of the audit they are known; null before the first look. */
  #seq: number | null = null
  #all: RegisterEntry[] = []
  #trials: RegisterEntry[] = []
  #learned: RegisterEntry[] = []

  /** `keptFor`: for how long an entry that has ended still explains evidence. `window`: for how long a refusal asks for a
   * trial; while it does, it is known that it had one. In milliseconds. */
  constructor(store: Store, keptFor: number, window = day) {
    this.#store = store
    this.#trialsFor = Math.max(window, day)
    this.#keptFor = Math.max(keptFor, this.#trialsFor)
  }

  /** The change up to which it was read. */
  get seq(): number {
    return this.#seq ?? 0
  }

  /** `now` in epoch milliseconds. */
  entries(now: number): RegisterEntry[] {
    this.#refresh(now)
    return this.#all
  }

  /** Those that run or have not ended, those of the last day, which count against caps, and those of the window, whose
   * refusals ask for no other. */
  trials(now: number): RegisterEntry[] {
    this.#refresh(now)
    return this.#trials
  }

  learned(now: number): RegisterEntry[] {
    this.#refresh(now)
    return this.#learned
  }

  endedByHand(id: string): boolean {
    return this.#endedByHand.has(id)
  }

  #refresh(now: number): void {
    const seq = this.#store.registerAuditSeq()
    if (seq === this.#seq) return
    // First where it ends, then what there is: what comes in between is read twice, not missed.
    if (this.#seq === null) {
      for (const entry of this.#store.all("register")) this.#put(entry, now)
      this.#seq = seq
    } else this.#seq = this.#take(this.#seq, now)
    for (const [id, entry] of this.#entries) if (!this.#matters(entry, now)) this.#delete(id)
    this.#all = [...this.#entries.values()]
    const since = now - this.#trialsFor
    this.#trials = this.#all.filter((entry) => entry.kind === "trial" && isAfter(entry, since))
    this.#learned = this.#all.filter(({ kind }) => kind === "learned")
  }

  #take(from: number, now: number): number {
    let seq = from
    for (;;) {
      const changes = this.#store.registerChangesAfter(seq, batch)
      for (const { entry_id, entry } of changes) {
        this.#delete(entry_id)
        if (entry) this.#put(entry, now)
      }
      const last = changes.at(-1)
      if (!last) return seq
      seq = last.seq
    }
  }

  #put(entry: RegisterEntry, now: number): void {
    if (!this.#matters(entry, now)) return
    this.#entries.set(entry.id, entry)
    if (entry.kind === "learned" && this.#isEndedByHand(entry.id)) this.#endedByHand.add(entry.id)
  }

  #delete(id: string): void {
    this.#entries.delete(id)
    this.#endedByHand.delete(id)
  }

  /** By the last that was done with it; the correlator ends by a change. */
  #isEndedByHand(id: string): boolean {
    const what = this.#store.registerHistory(id).at(-1)?.what
    return what === "removed" || what === "rejected"
  }

  #matters(entry: RegisterEntry, now: number): boolean {
    const keptFor = entry.kind === "learned" ? keptLearned : this.#keptFor
    return endOf(entry) > now - keptFor
  }
}

/** By its end or its beginning: with a clock that was set back the one lies before the other. */
function isAfter(entry: RegisterEntry, since: number): boolean {
  return Math.max(endOf(entry), Date.parse(entry.created_at)) > since
}

function endOf({ expires_at }: RegisterEntry): number {
  return expires_at === null ? Number.POSITIVE_INFINITY : Date.parse(expires_at)
}

/**
 * Looks through the register once a day: what needs a person is told, what ended long ago is taken
 * out (the audit keeps it). A few entries at a time, because there may be tens of thousands.
 */
import type { Store } from "../../evidence/store.ts"
import type { Log } from "../../intercept/log.ts"
import { healthOf, needsAttention } from "../../policy/register/register-health.ts"
import type { RegisterEntry } from "../../record/register-entry.ts"

const day = 86_400_000
/** An ended entry explains the evidence of its time, and auditors look for it a year later. Of trials
 * there may be some hundred a day. */
const keptEnded = 400 * day
const keptTrials = 30 * day
/** Entries looked at in one step: some milliseconds. */
const atOnce = 200
/** So many are named in one round; of the others the number is told. */
const mostNamed = 200

export class RegisterReview {
  readonly #store: Store
  readonly #log: Log
  #round: Generator<RegisterEntry> | null = null
  #beganAt = Number.NEGATIVE_INFINITY
  #needing = 0

  constructor(store: Store, log: Log) {
    this.#store = store
    this.#log = log
  }

  /** To be called every second or so; `now` in epoch milliseconds. */
  step(now: number): void {
    if (this.#round === null) {
      // A clock that was set back must not make it wait.
      if (Math.abs(now - this.#beganAt) < day) return
      this.#beganAt = now
      this.#needing = 0
      this.#round = this.#store.all("register")
    }
    this.#look(this.#round, now)
  }

  #look(round: Generator<RegisterEntry>, now: number): void {
    for (let count = 0; count < atOnce; count += 1) {
      const { value, done } = round.next()
      if (done) return this.#end(now)
      this.#tell(value, now)
    }
  }

  #tell(entry: RegisterEntry, now: number): void {
    const { id, kind, owner, reason, expires_at } = entry
    const reviewed_ms = this.#store.registerReviews([id]).get(id) ?? null
    const flags = healthOf({ entry, drifts: this.#store.driftsOf([id]), reviewed_ms }, now)
    if (!needsAttention(flags)) return
    this.#needing += 1
    if (this.#needing > mostNamed) return
    this.#log("warn", "register-needs-review", {
      entry_id: id,
      flags,
      kind,
      owner,
      reason,
      expires_at,
    })
  }

  #end(now: number): void {
    this.#round = null
    const more = this.#needing - mostNamed
    if (more > 0) this.#log("warn", "register-needs-review", { more })
    const remove = (keptFor: number, of: "all" | "trials") =>
      this.#store.removeEndedRegister(now - keptFor, atOnce, "correlator", now, of)
    while (remove(keptTrials, "trials") === atOnce);
    while (remove(keptEnded, "all") === atOnce);
  }
}

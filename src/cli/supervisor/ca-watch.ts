/** Tells the operator of the inspection CA's end: well before, each day, and when it has come. */
import { caStillValid, type InspectionCa } from "../../ca/inspection-ca.ts"
import type { Log } from "../../intercept/log.ts"

const DAY = 86_400_000
/** A new CA must be distributed to every device first, which takes weeks. */
const tellWithin = 60 * DAY

export interface CaWatchParts {
  ca: Pick<InspectionCa, "notBefore" | "notAfter" | "fingerprint">
  /** What is done once it has come (`ca.on-expired`). */
  onExpired: string
  log: Log
}

/** Owned state: what was told last and when. */
export class CaWatch {
  readonly #parts: CaWatchParts
  #expired = false
  #toldAt: number | null = null

  constructor(parts: CaWatchParts) {
    this.#parts = parts
  }

  /** Called now and then; `now` in epoch milliseconds. Tells each day, and each change at once. */
  look(now: number): void {
    const { ca, onExpired, log } = this.#parts
    const expired = !caStillValid(ca, now)
    const changed = expired !== this.#expired
    // A clock that was set back by more than a day must not silence it.
    const told = this.#toldAt !== null && Math.abs(now - this.#toldAt) < DAY
    if (told && !changed) return
    const fields = {
      issuing_ca: ca.fingerprint,
      not_before: new Date(ca.notBefore).toISOString(),
      not_after: new Date(ca.notAfter).toISOString(),
    }
    if (expired) log("error", "inspection-ca-expired", { ...fields, do: onExpired })
    else if (changed) log("info", "inspection-ca-valid", fields)
    else if (ca.notAfter - now < tellWithin)
      log("warn", "inspection-ca-ends-soon", {
        ...fields,
        days: Math.floor((ca.notAfter - now) / DAY),
      })
    else return
    this.#expired = expired
    this.#toldAt = now
  }
}

/**
 * What this worker knows of each trial's use. The ledger, which all workers of the machine write, alone
 * says what is left; here is what need not be asked again: that a trial is spent, when it began, and
 * the rest of the bytes that were leased.
 *
 * In: connections and bytes that a trial would let through. Out: whether it does. Fails closed: without
 * an answer of the ledger nothing is let through. It must not know sockets or files.
 */
import type { ControlSettings } from "../settings.ts"

export interface TrialCaps {
  connections: number
  bytes: number
  lasts_ms: number
  kept_ms: number
}

export interface TrialLedger {
  /** `spent`: for good; `unavailable`: it cannot be known now. */
  admit(entryId: string, now: number, caps: TrialCaps): { first_ms: number } | Refusal
  /** Of `wanted` bytes so many as are left. */
  lease(entryId: string, now: number, wanted: number, caps: TrialCaps): number
}

export type Refusal = "spent" | "unavailable"

/** `until`: at which time the connection is cut, in epoch milliseconds. */
export type Admitted = { until: number } | Refusal

interface Use {
  first_ms: number | null
  /** Bytes leased and not passed. */
  left: number
  /** The choices under which the ledger called it spent: others may leave room. */
  spentUnder: ControlSettings | null
}

/** Trials remembered, at some 100 bytes each. The oldest goes: what it had leased stays spent, and the
 * ledger is asked again (some 60 us). */
const capacity = 10_000

/** The largest lease: what one worker can keep from the others by having it, and how often a busy trial
 * asks. Of small trials a lease is at most this part. */
const largestLease = 1024 ** 2
const leasesATrial = 32

/** A trial's row outlives its entry, which may wait as long as it was armed for, by this time. */
const keptBeyond = 30 * 86_400_000

export class TrialUse {
  readonly #ledger: TrialLedger | null
  readonly #used = new Map<string, Use>()

  /** Without a ledger no trial is granted. */
  constructor(ledger: TrialLedger | null) {
    this.#ledger = ledger
  }

  /** Whether one more connection is spliced under this trial; `now` in epoch milliseconds. */
  admit(entryId: string, now: number, control: ControlSettings): Admitted {
    if (this.exhausted(entryId, now, control)) return "spent"
    const answer = this.#ledger?.admit(entryId, now, capsOf(control)) ?? "unavailable"
    if (answer === "unavailable") return answer
    const use = this.#of(entryId)
    if (answer === "spent") {
      use.spentUnder = control
      return answer
    }
    use.first_ms = answer.first_ms
    return { until: answer.first_ms + control["splice-for"] }
  }

  /** Whether these bytes, either way, may still pass: all of them or none. */
  passes(entryId: string, bytes: number, now: number, control: ControlSettings): boolean {
    const use = this.#of(entryId)
    if (use.left < bytes) {
      const caps = capsOf(control)
      const wanted = Math.max(bytes - use.left, leaseOf(caps))
      use.left += this.#ledger?.lease(entryId, now, wanted, caps) ?? 0
    }
    if (use.left < bytes) return false
    use.left -= bytes
    return true
  }

  /** Whether the ledger need not be asked: it has no room for another connection. */
  exhausted(entryId: string, now: number, control: ControlSettings): boolean {
    const use = this.#used.get(entryId)
    if (!use) return false
    if (use.spentUnder === control) return true
    return use.first_ms !== null && now >= use.first_ms + control["splice-for"]
  }

  /** When any worker first spliced under the trial; null if this one does not know that it did. */
  firstAt(entryId: string): number | null {
    return this.#used.get(entryId)?.first_ms ?? null
  }

  #of(entryId: string): Use {
    const use = this.#used.get(entryId) ?? { first_ms: null, left: 0, spentUnder: null }
    this.#used.delete(entryId)
    this.#used.set(entryId, use)
    if (this.#used.size > capacity) {
      const [oldest] = this.#used.keys()
      if (oldest !== undefined) this.#used.delete(oldest)
    }
    return use
  }
}

function capsOf(control: ControlSettings): TrialCaps {
  return {
    connections: control.connections,
    bytes: control.bytes,
    lasts_ms: control["splice-for"],
    kept_ms: control["armed-for"] + keptBeyond,
  }
}

function leaseOf({ bytes }: TrialCaps): number {
  return Math.min(largestLease, Math.ceil(bytes / leasesATrial))
}

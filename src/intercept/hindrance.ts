/**
 * What keeps a worker from inspecting although policy says so, and what is done then. Comes in: the
 * state of the CA and of the worker; goes out: the decision that takes the place of "inspect".
 *
 * With a CA outside its validity every client would refuse, and that would break all traffic. Fails
 * open by default (`ca.on-expired: splice`); closed with `block`. Under overload nothing changes by
 * default; fails open with `overload.do: splice`. Neither splice is made to observe: it is no control.
 */
import { caStillValid, type InspectionCa } from "../ca/inspection-ca.ts"
import type { Decision } from "../policy/decide.ts"
import type { Log } from "./log.ts"
import type { Overload, OverloadSettings } from "./overload.ts"

export const onExpired = ["splice", "block"] as const

export interface HindranceParts {
  ca: InspectionCa
  onExpired: (typeof onExpired)[number]
  overload: Overload
  onOverload: OverloadSettings["do"]
  /** Wall clock in epoch milliseconds. */
  clock: () => number
  log: Log
}

type Cause = "ca-expired" | "overload"

const splice = {
  do: "splice",
  register_entry: null,
  by_name: false,
  needs_resolution: false,
  splice_until: null,
} as const

const overloaded: Decision = Object.freeze({
  ...splice,
  rule: "overload",
  splice_cause: "overload",
})
/** `operator`: it is the operator's word in the configuration that lets it pass. */
const expired: Decision = Object.freeze({ ...splice, rule: "ca-expired", splice_cause: "operator" })
const expiredBlock: Decision = Object.freeze({ ...expired, do: "block", splice_cause: null })

/** Owned state: what was told last, and how many connections were not inspected for what. */
export class Hindrance {
  readonly #parts: HindranceParts
  readonly counts: Record<Cause, number> = { "ca-expired": 0, overload: 0 }
  #told: Cause | null = null

  constructor(parts: HindranceParts) {
    this.#parts = parts
  }

  /** For one connection that policy would have inspected; null: it is. */
  instead(): Decision | null {
    const cause = this.look()
    if (cause === null) return null
    this.counts[cause]++
    if (cause === "overload") return overloaded
    return this.#parts.onExpired === "splice" ? expired : expiredBlock
  }

  /** What hinders now. A change is logged; called now and then, also when no connection comes. */
  look(): Cause | null {
    const { ca, clock, overload, onOverload, log } = this.#parts
    const cause = !caStillValid(ca, clock())
      ? "ca-expired"
      : overload.over && onOverload === "splice"
        ? "overload"
        : null
    if (cause === this.#told) return cause
    if (this.#told !== null)
      log("info", "inspection-resumed", { because: this.#told, uninspected: this.counts })
    if (cause !== null)
      log("error", "inspection-suspended", {
        because: cause,
        do: cause === "overload" ? "splice" : this.#parts.onExpired,
        late_ms: overload.lateness,
      })
    this.#told = cause
    return cause
  }
}

/** Proxy users seen on one binding: several of them at once mean that the address is shared. */
import { joinDefaults } from "./settings.ts"
import { countBefore } from "./sorted-times.ts"

export interface Login {
  bindingId: string
  user: string
  /** Begin of the connection, epoch milliseconds. */
  at: number
}

/** Consecutive connections of one user: when each run began and ended. */
interface Runs {
  users: string[]
  begins: number[]
  ends: number[]
}

/**
 * Users are gathered for a binding, not for an address: when a lease passes from one person's
 * device to another's, the two are on different bindings however close in time.
 */
export class ProxyUsers {
  /** Bounded by the facts that are joined. */
  readonly #ofBinding = new Map<string, Runs>()
  readonly #windowMs: number

  constructor(logins: Iterable<Login>, windowMs = joinDefaults.proxyUserWindowMs) {
    this.#windowMs = windowMs
    for (const { bindingId, user, at } of [...logins].sort(byTime)) {
      const runs = this.#ofBinding.get(bindingId) ?? { users: [], begins: [], ends: [] }
      this.#ofBinding.set(bindingId, runs)
      const name = user.toLowerCase()
      if (runs.users.at(-1) === name) runs.ends[runs.ends.length - 1] = at
      else {
        runs.users.push(name)
        runs.begins.push(at)
        runs.ends.push(at)
      }
    }
  }

  /** Whether two users were on the binding within the window around the instant: neighbouring runs
   * are of different users, and the end of one and the begin of the next were really seen. */
  severalAt(bindingId: string, at: number): boolean {
    const runs = this.#ofBinding.get(bindingId)
    if (!runs) return false
    const next = runs.begins[countBefore(runs.ends, at - this.#windowMs) + 1]
    return next !== undefined && next <= at + this.#windowMs
  }
}

function byTime(a: Login, b: Login): number {
  if (a.at !== b.at) return a.at - b.at
  return a.user < b.user ? -1 : 1
}

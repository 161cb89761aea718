/**
 * A bounded table that clients fill, in which none can push out what the others keep. Each entry
 * belongs to the client that caused it. A client at its own bound, or above an even share of a full
 * table, loses its own oldest entry; else the one goes, of the oldest few, whose client holds most.
 */

export interface FairMapLimits {
  entries: number
  perOwner: number
}

interface Entry<Value> {
  value: Value
  owner: string
  since: number
  until: number
}

/** How many of the oldest entries are compared when the table is full. */
const compared = 16

/** Owned state: entries in the order in which they were written, each with an end. */
export class FairMap<Value> {
  readonly #limits: FairMapLimits
  /** At most `entries`. */
  readonly #entries = new Map<string, Entry<Value>>()
  /** The keys of each owner that has any, oldest first; at most `perOwner`. */
  readonly #owned = new Map<string, Set<string>>()

  constructor(limits: FairMapLimits) {
    this.#limits = limits
  }

  get size(): number {
    return this.#entries.size
  }

  get(key: string, now: number): Value | undefined {
    const entry = this.#entries.get(key)
    // A clock that was set back must not make it last.
    return entry && now >= entry.since && now < entry.until ? entry.value : undefined
  }

  set(key: string, value: Value, owner: string, now: number, ttl: number): void {
    this.delete(key)
    this.#makeRoom(owner, now)
    this.#entries.set(key, { value, owner, since: now, until: now + ttl })
    const keys = this.#owned.get(owner)
    if (keys) keys.add(key)
    else this.#owned.set(owner, new Set([key]))
  }

  delete(key: string): void {
    const entry = this.#entries.get(key)
    if (!entry) return
    this.#entries.delete(key)
    const keys = this.#owned.get(entry.owner)
    keys?.delete(key)
    if (keys?.size === 0) this.#owned.delete(entry.owner)
  }

  #makeRoom(owner: string, now: number): void {
    for (const [key, { until }] of this.#entries) {
      if (now < until) break
      this.delete(key)
    }
    const held = this.#owned.get(owner)?.size ?? 0
    const { entries, perOwner } = this.#limits
    const full = this.#entries.size >= entries
    if (held >= perOwner || (full && held * this.#owned.size >= entries)) {
      const [oldest] = this.#owned.get(owner) ?? []
      if (oldest !== undefined) return this.delete(oldest)
    }
    if (full) this.delete(this.#ofTheGreediest())
  }

  #ofTheGreediest(): string {
    let found = ""
    let most = 0
    let left = compared
    for (const [key, { owner }] of this.#entries) {
      const held = this.#owned.get(owner)?.size ?? 0
      if (held > most) {
        most = held
        found = key
      }
      if (--left === 0) break
    }
    return found
  }
}

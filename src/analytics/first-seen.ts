/**
 * Since when which devices showed something, and by which record: the same for any order in which it
 * is learned. Bounded: of the devices those that showed it first are kept.
 */
interface Shown {
  at: number
  id: string
}

export class FirstSeen {
  readonly #most: number
  readonly #first = new Map<string, Shown>()
  /** The last of those that are kept, once no more are. */
  #last: { device: string; shown: Shown } | null = null

  constructor(most: number) {
    this.#most = most
  }

  /** Since when the device was known to show it before this; infinite if it was not. What was known of the same
   * record under another device's name was a mistake. */
  note(device: string, at: number, id: string): number {
    const before = this.#first.get(device)
    if (before && !isBefore({ at, id }, before)) return before.at
    const shown = { at, id }
    const last = this.#last?.shown
    // In a fleet nearly every device comes too late to be among the first.
    if (!before && last && last.id !== id && !isBefore(shown, last)) return Number.POSITIVE_INFINITY
    this.#forgetRecord(id)
    this.#first.set(device, shown)
    if (this.#first.size > this.#most) this.#first.delete(this.#findLast().device)
    this.#last = this.#first.size >= this.#most ? this.#findLast() : null
    return before?.at ?? Number.POSITIVE_INFINITY
  }

  #forgetRecord(id: string): void {
    for (const [device, shown] of this.#first)
      if (shown.id === id) {
        this.#first.delete(device)
        this.#last = null
      }
  }

  devicesUpTo(now: number, but: string): number {
    let count = 0
    for (const [device, { at }] of this.#first) if (at <= now && device !== but) count += 1
    return count
  }

  /** The first record of each device, oldest first. */
  idsUpTo(now: number, but: string): string[] {
    return [...this.#first]
      .flatMap(([device, first]) => (device === but || first.at > now ? [] : first))
      .sort((a, b) => (isBefore(a, b) ? -1 : 1))
      .map(({ id }) => id)
  }

  #findLast(): { device: string; shown: Shown } {
    let last: { device: string; shown: Shown } | null = null
    for (const [device, shown] of this.#first)
      if (last === null || isBefore(last.shown, shown)) last = { device, shown }
    return last ?? { device: "", shown: { at: Number.POSITIVE_INFINITY, id: "" } }
  }
}

/** Of two at one time the id decides, not the order in which they came. */
function isBefore(a: Shown, b: Shown): boolean {
  return a.at === b.at ? a.id < b.id : a.at < b.at
}

/** Places for so many at a time, of which nobody gets more than half: one address cannot shut the others out. */

/** Owned state: who has how many. Bounded by `limit`: an address without a place is forgotten. */
export class Slots {
  readonly #limit: number
  readonly #taken = new Map<string, number>()
  #all = 0

  constructor(limit: number) {
    this.#limit = limit
  }

  /** Whether there was a place; then `give` must follow. */
  take(address: string): boolean {
    const own = this.#taken.get(address) ?? 0
    if (this.#all >= this.#limit || own >= Math.ceil(this.#limit / 2)) return false
    this.#taken.set(address, own + 1)
    this.#all++
    return true
  }

  give(address: string): void {
    const own = this.#taken.get(address) ?? 0
    if (own > 1) this.#taken.set(address, own - 1)
    else this.#taken.delete(address)
    this.#all--
  }
}

/** What is still to come, soonest first; among equals in the order in which it was put. */

interface Entry<Event> {
  at: number
  order: number
  event: Event
}

/** A binary heap; bounded by the sessions of a day and the retries they lead to. */
export class EventQueue<Event> {
  readonly #heap: Entry<Event>[] = []
  #order = 0

  /** Times are whole milliseconds, as records have them. */
  put(time: number, event: Event): void {
    const at = Math.round(time)
    const heap = this.#heap
    let place = heap.push({ at, order: this.#order++, event }) - 1
    while (place > 0) {
      const above = (place - 1) >> 1
      if (!this.#swapIfSooner(place, above)) break
      place = above
    }
  }

  /** The next event that is due before `until`, or null. */
  take(until: number): { at: number; event: Event } | null {
    const heap = this.#heap
    const [first] = heap
    if (!first || first.at >= until) return null
    const last = heap.pop()
    if (last && heap.length > 0) {
      heap[0] = last
      this.#sink()
    }
    return first
  }

  #sink(): void {
    for (let place = 0; ; ) {
      const left = 2 * place + 1
      const right = left + 1
      let sooner = place
      if (this.#isSooner(left, sooner)) sooner = left
      if (this.#isSooner(right, sooner)) sooner = right
      if (sooner === place) return
      this.#swapIfSooner(sooner, place)
      place = sooner
    }
  }

  #isSooner(one: number, other: number): boolean {
    const a = this.#heap[one]
    const b = this.#heap[other]
    if (!a || !b) return false
    return a.at < b.at || (a.at === b.at && a.order < b.order)
  }

  #swapIfSooner(below: number, above: number): boolean {
    const a = this.#heap[below]
    const b = this.#heap[above]
    if (!a || !b || !this.#isSooner(below, above)) return false
    this.#heap[above] = a
    this.#heap[below] = b
    return true
  }
}

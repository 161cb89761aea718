/** A list that grows as things happen, and that can be waited on. */
export class GrowingList<Item> {
  readonly #items: Item[] = []
  readonly #most: number
  readonly #waiting = new Set<() => void>()
  #ended = false

  /** `most`: what comes after so many is dropped. */
  constructor(most: number) {
    this.#most = most
  }

  get items(): readonly Item[] {
    return this.#items
  }

  add(item: Item): void {
    if (this.#items.length < this.#most) this.#items.push(item)
    for (const look of this.#waiting) look()
  }

  /** Nothing more will come. */
  end(): void {
    this.#ended = true
    for (const look of this.#waiting) look()
  }

  /** True once it holds so many (of those that are meant), false if not within the time. */
  reaches(
    count: number,
    withinMs: number,
    isMeant: (item: Item) => boolean = () => true,
  ): Promise<boolean> {
    return new Promise((resolve) => {
      const done = (enough: boolean) => {
        clearTimeout(timer)
        this.#waiting.delete(look)
        resolve(enough)
      }
      const look = () => {
        if (this.#items.filter(isMeant).length >= count) done(true)
        else if (this.#ended) done(false)
      }
      const timer = setTimeout(() => done(false), withinMs)
      this.#waiting.add(look)
      look()
    })
  }
}

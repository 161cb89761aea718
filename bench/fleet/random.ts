/**
 * Random numbers that a seed repeats: sfc32 (Chris Doty-Humphrey's Small Fast Counter, public
 * domain), seeded by xmur3. Not for secrets.
 */

export class Random {
  readonly #seed: string
  #a: number
  #b: number
  #c: number
  #counter = 1

  constructor(seed: string) {
    const hash = hashOf(seed)
    this.#seed = seed
    this.#a = hash()
    this.#b = hash()
    this.#c = hash()
    for (let i = 0; i < 12; i += 1) this.next()
  }

  /** A stream of its own: what is drawn from it moves nothing elsewhere. */
  fork(name: string): Random {
    return new Random(`${this.#seed}/${name}`)
  }

  /** In [0, 1). */
  next(): number {
    const sum = (this.#a + this.#b + this.#counter++) | 0
    this.#a = this.#b ^ (this.#b >>> 9)
    this.#b = (this.#c + (this.#c << 3)) | 0
    this.#c = (((this.#c << 21) | (this.#c >>> 11)) + sum) | 0
    return (sum >>> 0) / 4_294_967_296
  }

  chance(probability: number): boolean {
    return this.next() < probability
  }

  between(least: number, most: number): number {
    return least + (most - least) * this.next()
  }

  /** A whole number, both ends included. */
  int(least: number, most: number): number {
    return least + Math.floor(this.next() * (most - least + 1))
  }

  pick<Item>(items: readonly Item[]): Item {
    const item = items[this.int(0, items.length - 1)]
    if (item === undefined) throw new Error("random: nothing to pick from")
    return item
  }

  /** By shares that sum up to one. */
  weighted<Item>(items: readonly (readonly [Item, number])[]): Item {
    let left = this.next()
    for (const [item, share] of items) {
      left -= share
      if (left < 0) return item
    }
    return this.pick(items)[0]
  }

  /** `count` different items, or all. */
  some<Item>(items: readonly Item[], count: number): Item[] {
    const left = [...items]
    const chosen: Item[] = []
    while (chosen.length < count && left.length > 0)
      chosen.push(...left.splice(this.int(0, left.length - 1), 1))
    return chosen
  }

  /** As spread as three runs were: half of the draws below the middle one, a tail above. */
  spread([least, middle, most]: Spread): number {
    return this.chance(0.5) ? this.between(least, middle) : this.between(middle, most)
  }

  /** Log-normal: `middle` is the median, `factor` what one standard deviation multiplies by. */
  skewed(middle: number, factor: number): number {
    const normal = Math.sqrt(-2 * Math.log(1 - this.next())) * Math.cos(2 * Math.PI * this.next())
    return middle * factor ** normal
  }

  /** How often something happened that happens `mean` times on average. */
  poisson(mean: number): number {
    const limit = Math.exp(-mean)
    let count = 0
    for (let product = this.next(); product > limit; product *= this.next()) count += 1
    return count
  }

  hex(digits: number): string {
    return Array.from({ length: digits }, () => this.int(0, 15).toString(16)).join("")
  }
}

/** Least, middle and most of what was measured. */
export type Spread = readonly [number, number, number]

function hashOf(text: string): () => number {
  let state = 1_779_033_703 ^ text.length
  for (let i = 0; i < text.length; i += 1) {
    state = Math.imul(state ^ text.charCodeAt(i), 3_432_918_353)
    state = (state << 13) | (state >>> 19)
  }
  return () => {
    state = Math.imul(state ^ (state >>> 16), 2_246_822_507)
    state = Math.imul(state ^ (state >>> 13), 3_266_489_909)
    state ^= state >>> 16
    return state >>> 0
  }
}

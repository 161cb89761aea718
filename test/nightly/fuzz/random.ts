/**
 * Random numbers that a seed repeats: each input of a run has a stream of its own, so that any one of
 * them can be made again from the run's seed, its target and its number.
 */

/** sfc32 (Chris Doty-Humphrey, PractRand); 32-bit numbers, quick to seed. */
export class Random {
  #a: number
  #b: number
  #c: number
  #d = 1

  constructor(seed: number, stream: string, index: number) {
    this.#a = seed | 0
    this.#b = hash(stream) | 0
    this.#c = index | 0
    for (let i = 0; i < 12; i++) this.u32()
  }

  u32(): number {
    const sum = (((this.#a + this.#b) | 0) + this.#d) | 0
    this.#d = (this.#d + 1) | 0
    this.#a = this.#b ^ (this.#b >>> 9)
    this.#b = (this.#c + (this.#c << 3)) | 0
    this.#c = (this.#c << 21) | (this.#c >>> 11)
    this.#c = (this.#c + sum) | 0
    return sum >>> 0
  }

  /** 0 to `end` - 1. */
  below(end: number): number {
    return Math.floor((this.u32() / 0x1_0000_0000) * end)
  }

  /** `first` to `last`, both included. */
  from(first: number, last: number): number {
    return first + this.below(last - first + 1)
  }

  /** True once in `times`. */
  oneIn(times: number): boolean {
    return this.below(times) === 0
  }

  pick<Item>(list: readonly Item[]): Item {
    if (list.length === 0) throw new Error("nothing to pick from")
    return list[this.below(list.length)] as Item
  }

  bytes(length: number): Uint8Array {
    const made = new Uint8Array(length)
    for (let at = 0; at < length; at++) made[at] = this.u32()
    return made
  }

  /** Cut points that part `length` bytes, in order, none at the ends; few more often than many. */
  cuts(length: number): number[] {
    if (length < 2) return []
    const count = this.oneIn(8) ? this.below(Math.min(length, 40)) : this.below(4)
    return [...new Set(Array.from({ length: count }, () => this.from(1, length - 1)))].sort(
      (one, other) => one - other,
    )
  }
}

/** FNV-1a. */
function hash(text: string): number {
  let value = 0x811c9dc5
  for (let at = 0; at < text.length; at++)
    value = Math.imul(value ^ text.charCodeAt(at), 0x01000193)
  return value
}

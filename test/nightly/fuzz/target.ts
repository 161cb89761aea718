/** What a fuzz target is: how its inputs are made, and what must hold for each of them. */
import { isDeepStrictEqual } from "node:util"
import type { Random } from "./random.ts"

export interface FuzzTarget {
  name: string
  /** Of 5 million inputs so many are its own; other totals are shared out alike. */
  share: number
  /** The bytes that are fed; text as UTF-8, several chunks as the target encodes them. */
  input(random: Random): Uint8Array
  /**
   * Whether the code under test accepted the input; throws an Error that says which property does
   * not hold. `random` goes on where `input` left it: it says how the input is cut.
   */
  check(input: Uint8Array, random: Random): boolean | Promise<boolean>
}

/** Fails with words that name the property. */
export function must(holds: boolean, property: string): asserts holds {
  if (!holds) throw new Error(property)
}

export function mustEqual(one: unknown, other: unknown, property: string): void {
  if (Object.is(one, other) || isDeepStrictEqual(one, other)) return
  const [a, b] = [shown(one), shown(other)]
  throw new Error(`${property}: ${a.slice(0, 300)} is not ${b.slice(0, 300)}`)
}

function shown(value: unknown): string {
  return String(JSON.stringify(value, (_, part) => (part === undefined ? "(undefined)" : part)))
}

/** The parts of `bytes` between the cuts. */
export function partsOf(bytes: Uint8Array, cuts: readonly number[]): Uint8Array[] {
  return [0, ...cuts].map((begin, index) => bytes.subarray(begin, cuts[index] ?? bytes.length))
}

/**
 * Fed more and more of the input, a reader says "incomplete" until it says, for good, what it says
 * of the whole.
 */
export function mustSettle<Read>(
  read: (bytes: Uint8Array) => Read | "incomplete",
  input: Uint8Array,
  whole: Read | "incomplete",
  random: Random,
): void {
  for (const cut of random.cuts(input.length)) {
    const early = read(input.subarray(0, cut))
    if (early !== "incomplete") mustEqual(early, whole, `what ${cut} bytes say, and all`)
  }
}

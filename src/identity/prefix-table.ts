/** Longest-prefix lookup over addresses and networks of both families. */
import { addressKey, prefixKey, readPrefix } from "./address-key.ts"

interface Family<Value> {
  /** Prefix lengths in use, longest first: at most 129. */
  lengths: number[]
  byLength: Map<number, Map<string, Value>>
}

/** Holds one value a prefix. Its owner bounds how many are put in. */
export class PrefixTable<Value> {
  readonly #ipv4: Family<Value> = { lengths: [], byLength: new Map() }
  readonly #ipv6: Family<Value> = { lengths: [], byLength: new Map() }

  /** The value of a prefix, made where there is none yet; null if the text is no address or prefix. */
  at(text: string, make: () => Value): Value | null {
    const prefix = readPrefix(text)
    if (prefix === null) return null
    const family = prefix.key.length === 8 ? this.#ipv4 : this.#ipv6
    let values = family.byLength.get(prefix.bits)
    if (!values) {
      values = new Map()
      family.byLength.set(prefix.bits, values)
      family.lengths = [...family.byLength.keys()].sort((a, b) => b - a)
    }
    const key = prefixKey(prefix.key, prefix.bits)
    const known = values.get(key)
    if (known !== undefined) return known
    const made = make()
    values.set(key, made)
    return made
  }

  /** The values of all prefixes that contain the address, longest first. */
  covering(address: string): Value[] {
    const key = addressKey(address)
    if (key === null) return []
    const family = key.length === 8 ? this.#ipv4 : this.#ipv6
    const found: Value[] = []
    for (const bits of family.lengths) {
      const value = family.byLength.get(bits)?.get(prefixKey(key, bits))
      if (value !== undefined) found.push(value)
    }
    return found
  }
}

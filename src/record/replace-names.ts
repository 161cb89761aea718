/**
 * Takes names out of records. In: a record as JSON text, and what each name becomes. Out: the same
 * record without them. It must not know whose names they are.
 */

/** Single letters and short numbers stand in many sentences: they count only where they are all of a text. */
function tells(name: string): boolean {
  return name.length >= 4 || (name.length >= 2 && /\p{L}/u.test(name))
}

export class NameReplacer {
  readonly #of: ReadonlyMap<string, string>
  readonly #pattern: RegExp | null

  /** `names`: each as it is written, without regard to case, and what stands there afterwards. */
  constructor(names: ReadonlyMap<string, string>) {
    this.#of = new Map([...names].map(([name, instead]) => [name.toLowerCase(), instead]))
    const long = [...this.#of.keys()].filter(tells)
    const all = long.sort((a, b) => b.length - a.length).map(escaped)
    // A name within a longer word is another word.
    const word = "[\\p{L}\\p{N}]"
    this.#pattern =
      all.length === 0 ? null : new RegExp(`(?<!${word})(?:${all.join("|")})(?!${word})`, "giu")
  }

  /** The text itself where it names nobody. `json` is an object or a list as JSON, or a sentence. */
  inText(json: string): string {
    if (!this.#mayName(json)) return json
    let parsed: unknown
    try {
      parsed = JSON.parse(json)
    } catch {
      return this.inWords(json)
    }
    const now = JSON.stringify(this.#inValue(parsed))
    return now === JSON.stringify(parsed) ? json : now
  }

  /** Of one string of a record. */
  inWords(words: string): string {
    const whole = this.#of.get(words.toLowerCase())
    if (whole !== undefined) return whole
    if (this.#pattern === null) return words
    return words.replace(this.#pattern, (name) => this.#of.get(name.toLowerCase()) ?? name)
  }

  /** Cheap: most records name nobody. */
  #mayName(json: string): boolean {
    const lower = json.toLowerCase()
    for (const name of this.#of.keys()) if (lower.includes(jsonText(name))) return true
    return false
  }

  #inValue(value: unknown): unknown {
    if (typeof value === "string") return this.inWords(value)
    if (Array.isArray(value)) return value.map((one) => this.#inValue(one))
    if (typeof value !== "object" || value === null) return value
    return Object.fromEntries(
      Object.entries(value).map(([key, one]) => [this.inWords(key), this.#inValue(one)]),
    )
  }
}

function escaped(text: string): string {
  return text.replace(/[.*+?^${}()|[\]\\/]/g, "\\$&")
}

function jsonText(text: string): string {
  return JSON.stringify(text).slice(1, -1)
}

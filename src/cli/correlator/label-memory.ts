/**
 * What people said of findings, as the correlator asks for it with each pass: read once, then followed. When there
 * is more of it, the findings that stand under another label now are given out to be stored and rolled up, a
 * batch at a time; a restart looks at all of them again.
 */
import type { LabelSettings } from "../../analytics/label-drift.ts"
import { LabelIndex, labelled } from "../../analytics/labels.ts"
import type { Store } from "../../evidence/store.ts"
import type { Finding } from "../../record/finding.ts"
import type { JudgedMemory } from "./judged-memory.ts"

/** Findings looked at in one pass, some 5 us each, and given out. */
const lookedAtOnce = 20_000
const givenAtOnce = 500
/** Statements read at a time. */
const batch = 500

export class LabelMemory {
  readonly #store: Store
  readonly #memory: Pick<JudgedMemory, "all" | "get">
  readonly #settings: () => LabelSettings
  readonly #index = new LabelIndex()
  /** Up to which statement they are known; null before the first look. */
  #seq: number | null = null
  #looking: Iterator<Finding> | null = null
  /** Ids given out that may not be stored yet. */
  #given: string[] = []

  constructor(
    store: Store,
    memory: Pick<JudgedMemory, "all" | "get">,
    settings: () => LabelSettings,
  ) {
    this.#store = store
    this.#memory = memory
    this.#settings = settings
  }

  /** With all that was said by now. */
  get current(): LabelIndex {
    if (this.#store.lastSeq("labels") === this.#seq) return this.#index
    let seq = this.#seq ?? 0
    for (;;) {
      const read = this.#store.follow("labels", seq, batch)
      this.#index.add(read.map(({ record }) => record))
      const last = read.at(-1)
      if (!last) break
      seq = last.seq
    }
    this.#seq = seq
    this.#looking = this.#memory.all()
    return this.#index
  }

  /** Findings whose label is another now. Given again until they are stored as they are given. */
  relabelled(): Finding[] {
    const labels = this.current
    const changed = (finding: Finding): Finding[] => {
      const now = labelled(finding, labels, this.#settings())
      return now === finding ? [] : [now]
    }
    const waiting = this.#given.flatMap((id) => this.#memory.get(id) ?? []).flatMap(changed)
    if (waiting.length > 0) return waiting
    const found: Finding[] = []
    for (let looked = 0; this.#looking && looked < lookedAtOnce; looked++) {
      const { value, done } = this.#looking.next()
      if (done) this.#looking = null
      else found.push(...changed(value))
      if (found.length === givenAtOnce) break
    }
    this.#given = found.map(({ id }) => id)
    return found
  }
}

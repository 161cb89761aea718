/** Which device was seen last under each learned entry: the one that a re-test inspects. */
import type { Attributed } from "../../record/attributed.ts"
import type { Flow } from "../../record/flow.ts"

/** Entries remembered, 150 bytes each; the one untouched longest goes, and a device that confirmed
 * it is tested instead. */
const most = 50_000

export class LastUsers {
  readonly #last = new Map<string, { device_id: string; at: string }>()

  note({ fact, who }: Attributed<Flow>): void {
    const id = fact.register_entry
    if (id === null || fact.splice_cause !== "learned" || who.device !== "bound") return
    const known = this.#last.get(id)
    if (known && known.at > fact.observed_at) return
    this.#last.delete(id)
    this.#last.set(id, { device_id: who.device_id, at: fact.observed_at })
    if (this.#last.size <= most) return
    const [oldest] = this.#last.keys()
    if (oldest !== undefined) this.#last.delete(oldest)
  }

  of(entryId: string): string | null {
    return this.#last.get(entryId)?.device_id ?? null
  }
}

/**
 * What is new in the store since the correlator last looked. In: cursors. Out: records by kind, in
 * the order of commits, a bounded number at a time. It must not know what is made of them.
 *
 * A part is small, so that its records die young: to read some thousand at once and hold them until they are
 * judged costs a third as much as reading, because the collector copies what lives.
 */
import type { AppEvent } from "../record/app-event.ts"
import type { Attempt } from "../record/attempt.ts"
import type { Flow } from "../record/flow.ts"
import { cursorOfHits } from "./register-use.ts"
import type { Store } from "./store.ts"
import type { RegisterHit } from "./tables.ts"

export interface News {
  attempts: Attempt[]
  flows: Flow[]
  app_events: AppEvent[]
  hits: RegisterHit[]
  /** Devices, postures, apps or bindings changed. */
  inventory: boolean
  empty: boolean
}

/** Records of one kind in a part, 5 KB each while they are looked at. */
const partSize = 200
const inventoryKinds = ["devices", "postures", "apps", "bindings"] as const

/** Owned state: how far each kind was read; saved with what was made of it. */
export class Follower {
  readonly #store: Store
  readonly #at = new Map<string, number>()

  constructor(store: Store) {
    this.#store = store
  }

  /** The part after the last one. */
  next(): News {
    const attempts = this.#take("attempts")
    const flows = this.#take("flows")
    const app_events = this.#take("app-events")
    const hits = this.#hits()
    const inventory = this.#inventoryMoved()
    const count = attempts.length + flows.length + app_events.length + hits.length
    return { attempts, flows, app_events, hits, inventory, empty: count === 0 && !inventory }
  }

  /** To be called in the transaction that writes what came of the news. */
  commit(): void {
    for (const [name, seq] of this.#at) this.#store.saveCursor(name, seq)
    this.#at.clear()
  }

  /** Forgets what was read since the last commit: it will come again. */
  rollBack(): void {
    this.#at.clear()
  }

  #position(name: string): number {
    return this.#at.get(name) ?? this.#store.cursor(name)
  }

  #take(kind: "attempts"): Attempt[]
  #take(kind: "flows"): Flow[]
  #take(kind: "app-events"): AppEvent[]
  #take(kind: "attempts" | "flows" | "app-events"): (Attempt | Flow | AppEvent)[] {
    const name = `correlator/${kind}`
    const rows = this.#store.follow(kind, this.#position(name), partSize)
    const last = rows.at(-1)
    if (last) this.#at.set(name, last.seq)
    return rows.map(({ record }) => record)
  }

  #hits(): RegisterHit[] {
    const rows = this.#store.followHits(this.#position(cursorOfHits), partSize)
    const last = rows.at(-1)
    if (last) this.#at.set(cursorOfHits, last.seq)
    return rows.map(({ hit }) => hit)
  }

  #inventoryMoved(): boolean {
    let moved = false
    for (const kind of inventoryKinds) {
      const name = `correlator/${kind}`
      const last = this.#store.lastSeq(kind)
      if (last === this.#position(name)) continue
      this.#at.set(name, last)
      moved = true
    }
    return moved
  }
}

/** Looks again and again: by the clock, and sooner where the system says that a folder has changed. */
import { type FSWatcher, watch } from "node:fs"

/** After a hint, in milliseconds: writers write several times in a row. */
const afterHintMs = 50

/** Owned state: one timer, one watcher. */
export class Polling {
  readonly #folder: string
  readonly #pollMs: number
  readonly #look: () => number | null
  #timer: NodeJS.Timeout | null = null
  #due = Number.POSITIVE_INFINITY
  #watcher: FSWatcher | null = null
  #stopped = false

  /** `look` must not throw; it tells in how many milliseconds there is more to do, where it knows. */
  constructor({ folder, pollMs }: { folder: string; pollMs: number }, look: () => number | null) {
    this.#folder = folder
    this.#pollMs = pollMs
    this.#look = look
  }

  start(): void {
    this.#in(0)
  }

  stop(): void {
    this.#stopped = true
    if (this.#timer) clearTimeout(this.#timer)
    this.#timer = null
    this.#unwatch()
  }

  #in(ms: number): void {
    const due = performance.now() + ms
    if (this.#stopped || (this.#timer && this.#due <= due)) return
    if (this.#timer) clearTimeout(this.#timer)
    this.#due = due
    this.#timer = setTimeout(() => {
      this.#timer = null
      this.#watch()
      this.#in(this.#look() ?? this.#pollMs)
    }, ms)
  }

  /** Only a hint: not every file system tells, and a folder may not be there yet. */
  #watch(): void {
    if (this.#watcher) return
    try {
      this.#watcher = watch(this.#folder, { persistent: false }, () => this.#in(afterHintMs))
      this.#watcher.on("error", () => this.#unwatch())
    } catch {
      this.#watcher = null
    }
  }

  #unwatch(): void {
    this.#watcher?.close()
    this.#watcher = null
  }
}

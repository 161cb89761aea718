/** Tells how a source does: to its health, and in rare lines of the log. */
import type { SourceHealth } from "../record/source-health.ts"
import type { SourceParts } from "./source.ts"

/** That all goes well is written so often, in milliseconds: a write is a commit. */
const okEveryMs = 30_000
/** At most one line of each sort in this time, in milliseconds. */
const logEveryMs = 60_000

/** Owned state: what was told last. */
export class SourceTelling {
  readonly #parts: SourceParts
  #state: SourceHealth["state"] = "starting"
  #error: string | null = null
  #toldAt = Number.NEGATIVE_INFINITY
  readonly #loggedAt = new Map<string, number>()
  /** Since the start. */
  #rejected = 0

  constructor(parts: SourceParts) {
    this.#parts = parts
  }

  ok(): void {
    const now = this.#parts.clock()
    if (this.#state === "failing") this.#log("info", "source-reads-again", {})
    if (this.#state === "ok" && now - this.#toldAt < okEveryMs) return
    this.#tell({ state: "ok", last_ok_at: this.#time(now), last_error: null })
  }

  failing(why: string): void {
    const now = this.#parts.clock()
    const last_error = why.slice(0, 500)
    const same = this.#state === "failing" && this.#error === last_error
    if (same && now - this.#toldAt < okEveryMs) return
    if (!same) this.#log("warn", "source-failing", { reason: last_error })
    this.#error = last_error
    this.#tell({ state: "failing", last_error })
  }

  /** Lines that could not be used, and how many more were too long: for the log. They are counted where they are
   * kept. */
  rejected(
    file: string,
    lines: readonly { at: number; because: string }[],
    overlong: number,
  ): void {
    if (lines.length + overlong === 0) return
    this.#rejected += lines.length + overlong
    const [first] = lines
    const reason = first?.because ?? "a line is longer than lines may be"
    this.#seldom("source-lines-rejected", {
      file,
      at: first?.at ?? null,
      reason,
      total: this.#rejected,
    })
  }

  gone(file: string, files: number): void {
    this.#seldom("source-file-gone", { file, files })
  }

  #tell(health: Partial<SourceHealth>): void {
    const now = this.#parts.clock()
    try {
      this.#parts.keeper.tell({ ...health, last_try_at: this.#time(now) })
      this.#state = health.state ?? this.#state
      this.#toldAt = now
    } catch (error) {
      // The store is busy or full: what is read will not be kept either, and is read again.
      this.#seldom("source-health-not-kept", { reason: String(error) })
    }
  }

  #seldom(event: string, fields: Record<string, unknown>): void {
    const now = this.#parts.clock()
    if (now - (this.#loggedAt.get(event) ?? Number.NEGATIVE_INFINITY) < logEveryMs) return
    this.#loggedAt.set(event, now)
    this.#log("warn", event, fields)
  }

  #log(level: "info" | "warn", event: string, fields: Record<string, unknown>): void {
    this.#parts.log(level, event, { source: this.#parts.name, ...fields })
  }

  #time(ms: number): string {
    return new Date(ms).toISOString()
  }
}

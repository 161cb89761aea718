/**
 * Takes the events of one producer into the store, and keeps count of what it says.
 *
 * In: app events, and how much was refused. Out: how many were new, once they are committed. It must
 * not know how they were sent. Counts are kept in the source's place, in the commit of the events.
 */
import { z } from "zod"
import type { AppEvent } from "../record/app-event.ts"
import type { SourceParts } from "../source/source.ts"
import { RareWords } from "./listener/rare-words.ts"

/** Different unknown types that are counted by name; further ones are counted together. */
const mostTypes = 100
/** Under this name. */
const otherTypes = "other types"
/** A type is shown so long at most. */
const longestType = 100
/** Health is written so often at most while it goes well, and while strangers knock; in milliseconds. */
const tellEvery = 2_000
const logEvery = 60_000
/** A store that could not be written is not tried again for so long, in milliseconds: each try may wait
 * for its lock, and nothing else happens meanwhile. */
const pauseAfterFailure = 1_000

const Counts = z.object({
  rejected: z.int().min(0),
  unknown_types: z.record(z.string(), z.int().min(0)),
})

export interface Said {
  events: readonly AppEvent[]
  /** Types among them that we do not know, each as often as it came. */
  unknownTypes: readonly string[]
  /** How much of what came with them was refused. */
  rejected: number
}

const notKept = "telemetry: the store cannot be written"

/** Thrown where the store cannot be written: nothing of it was kept, and the producer repeats it. */
export class NotKept extends Error {}

/** Owned state: the counts, as stored. */
export class Intake {
  readonly #parts: SourceParts
  readonly #rare: RareWords
  #counts: z.infer<typeof Counts>
  #toldAt = Number.NEGATIVE_INFINITY
  #timer: NodeJS.Timeout | null = null
  #fault: string | null = null
  #failedAt = Number.NEGATIVE_INFINITY

  constructor(parts: SourceParts) {
    this.#parts = parts
    this.#rare = new RareWords(parts.clock, logEvery)
    const stored = Counts.safeParse(parts.keeper.place())
    this.#counts = stored.success ? stored.data : { rejected: 0, unknown_types: {} }
  }

  get common(): SourceParts["common"] {
    return this.#parts.common
  }

  /** False while what is sent cannot be stored. */
  get healthy(): boolean {
    return this.#failedAt === Number.NEGATIVE_INFINITY
  }

  /** Committed when it returns. One call holds the store: give it a thousand events at most. */
  keep({ events, unknownTypes, rejected }: Said): { accepted: number; known: number } {
    const { keeper, log, name } = this.#parts
    if (performance.now() < this.#failedAt + pauseAfterFailure) throw new NotKept(notKept)
    const counts = {
      rejected: this.#counts.rejected + rejected,
      unknown_types: counted(this.#counts.unknown_types, unknownTypes),
    }
    try {
      const kept = keeper.keep({ records: { "app-events": events }, place: counts })
      this.#counts = counts
      this.#failedAt = Number.NEGATIVE_INFINITY
      this.#fault = null
      this.#tellSoon()
      // One that came before differs in the time of receipt alone, or its producer contradicts
      // itself: either way the first one stands.
      return { accepted: kept.added, known: kept.known + kept.conflicts.length }
    } catch (cause) {
      this.#failedAt = performance.now()
      const reason = cause instanceof Error ? cause.message : String(cause)
      const times = this.#rare.due("not-kept")
      if (times !== null) log("error", "telemetry-not-kept", { source: name, reason, times })
      this.failing(`events could not be stored (${reason}); the producer was told to repeat them`)
      throw new NotKept(notKept, { cause })
    }
  }

  /** A request was refused that said nothing we could read: counted, written a little later. */
  refused(): void {
    this.#counts = { ...this.#counts, rejected: this.#counts.rejected + 1 }
    this.#tellSoon()
  }

  /** It listens, and nothing came yet. */
  ready(): void {
    this.#fault = null
    this.#tellSoon()
  }

  /** In words, with what was done about it. */
  failing(fault: string): void {
    this.#fault = fault.slice(0, 500)
    this.#tellSoon()
  }

  /** Writes what was not written yet. */
  close(): void {
    if (this.#timer) this.#tell()
  }

  #tellSoon(): void {
    if (this.#timer) return
    const waitMs = Math.max(0, this.#toldAt + tellEvery - performance.now())
    this.#timer = setTimeout(() => this.#tell(), waitMs).unref()
  }

  #tell(): void {
    if (this.#timer) clearTimeout(this.#timer)
    this.#timer = null
    this.#toldAt = performance.now()
    const now = new Date(this.#parts.clock()).toISOString()
    const state =
      this.#fault === null
        ? { state: "ok" as const, last_ok_at: now, last_error: null }
        : { state: "failing" as const, last_error: this.#fault }
    try {
      this.#parts.keeper.tell({ ...this.#counts, ...state, last_try_at: now })
    } catch {
      // Written with what comes next.
    }
  }
}

function counted(known: Record<string, number>, types: readonly string[]): Record<string, number> {
  if (types.length === 0) return known
  const counts = new Map(Object.entries(known))
  for (const type of types) {
    const said = type.slice(0, longestType)
    // A record has no member of this name when it is read again.
    const name = said === "__proto__" ? otherTypes : said
    const key = counts.has(name) || counts.size < mostTypes - 1 ? name : otherTypes
    counts.set(key, (counts.get(key) ?? 0) + 1)
  }
  return Object.fromEntries(counts)
}

/**
 * What every reader of an outside source shares: how it hands over what it read together with its
 * place, and how it tells its health. It must not know where that is kept.
 */
import type { RecordOf } from "../record/kinds.ts"
import type { SourceHealth } from "../record/source-health.ts"

/** Kinds that sources outside give. */
export type CollectedKind =
  | "bindings"
  | "devices"
  | "postures"
  | "apps"
  | "app-events"
  | "flows"
  | "attempts"

/** What is committed at once: a few thousand records at most, so that the store is not held long. */
export interface Batch {
  records?: { [K in CollectedKind]?: readonly RecordOf[K][] }
  /** Where the reader goes on, as JSON of at most 64 KiB; left out: where it went on before. */
  place?: unknown
  /** Devices that are there, whether or not they say anything new. */
  seen?: readonly string[]
  /** What could not be used, and types that the reader does not know: added to the health, in the same
   * commit. */
  rejected?: number
  unknown?: readonly string[]
}

export interface Kept {
  added: number
  /** Stored already, or saying the same as what is in force. */
  known: number
  /** Ids that are taken by another content, which was kept. */
  conflicts: readonly string[]
}

/** What keeps it. Throws where the store cannot be written: then nothing was kept. */
export interface Keeper {
  /** Records and place in one commit, or neither. Inventory that says what is in force is not stored again. */
  keep(batch: Batch): Kept
  /** What was kept last; null at first. */
  place(): unknown
  /** Of the health only what is given changes; `taken` is counted by `keep`. */
  tell(health: Partial<SourceHealth>): void
}

/** Log events: a name in kebab-case and fields. */
export type SourceLog = (
  level: "debug" | "info" | "warn" | "error",
  event: string,
  fields: Record<string, unknown>,
) => void

/** What a reader is given. */
export interface SourceParts {
  /** Unique among all sources: `leases/NAME`, `mdm/NAME`, ... */
  name: string
  keeper: Keeper
  /** What is the same in every record it makes. */
  common: { tenant: string; site: string; sensor_id: string; v: 1 }
  /** Wall clock in epoch milliseconds. */
  clock: () => number
  /** In [0, 1): for jitter. */
  random: () => number
  log: SourceLog
}

/** A reader that owns its timers and sockets. Nothing is thrown out of a timer: it is told as health. */
export interface Source {
  start(): void | Promise<void>
  stop(): Promise<void>
}

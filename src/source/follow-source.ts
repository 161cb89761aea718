/**
 * A source that is a file which grows, or several. In: what reads a batch of lines. Out: its records
 * kept together with the place, and its health. Looked at by the clock; what the system tells of
 * changes only makes it sooner.
 */
import { dirname } from "node:path"
import { type FileBatch, FileFollower, type FollowSettings } from "./follow-file.ts"
import { Polling } from "./polling.ts"
import type { Batch, Source, SourceParts } from "./source.ts"
import { SourceTelling } from "./source-telling.ts"

/** What a reader made of a batch. */
export interface Reading {
  records?: Batch["records"]
  /** Units that could not be used, with why and where each begins. At most as many as the units. */
  rejected?: readonly { at: number; because: string }[]
  /** Types of records that the reader does not know. */
  unknown?: readonly string[]
  /** Called once the records and the place are kept: what the reader learned holds from now on. */
  kept?: () => void
}

/** After so long others have their turn, in milliseconds: a batch of 4,000 leases takes some 200, and a webhook in
 * the same process waits for it. */
const turnMs = 100

export interface FollowSourceSettings extends FollowSettings {
  pollMs?: number
}

/**
 * `read` must give the same for the same batch: one that could not be kept is read again.
 * `remember` is given at first what was read before a restart, as far as it is still there.
 */
export function followSource(
  settings: FollowSourceSettings,
  parts: SourceParts,
  read: (batch: FileBatch) => Reading,
  remember?: (batch: FileBatch) => void,
): Source {
  const { keeper, clock } = parts
  const telling = new SourceTelling(parts)
  let follower: FileFollower | null = null
  let past: Iterator<FileBatch> | null = null
  let placed = false
  const look = (): boolean => {
    if (!follower) {
      const place = keeper.place()
      placed = place !== null
      follower = new FileFollower(settings, place)
      past = placed && remember ? follower.past(clock()) : null
    }
    for (const until = performance.now() + turnMs; performance.now() < until; ) {
      if (past) {
        const { done, value } = past.next()
        if (done) past = null
        else remember?.(value)
        continue
      }
      const batch = follower.next(clock())
      // What is rotated away before the first line comes must be found again.
      if (!placed) keeper.keep({ place: follower.place })
      placed = true
      if (!batch) return false
      const { records = {}, rejected = [], unknown = [], kept } = read(batch)
      const refused = rejected.length + batch.overlong
      keeper.keep({ records, place: batch.place, rejected: refused, unknown })
      follower.took()
      kept?.()
      telling.rejected(batch.path, rejected, batch.overlong)
    }
    return true
  }
  const polling = new Polling(
    { folder: dirname(settings.file), pollMs: settings.pollMs ?? 1_000 },
    () => {
      try {
        const more = look()
        if (follower?.gone) telling.gone(settings.file, follower.gone)
        if (follower) follower.gone = 0
        if (follower?.missing)
          telling.failing(`${settings.file} is not there; is it written elsewhere?`)
        else telling.ok()
        return more ? 0 : null
      } catch (error) {
        // What was read before must be remembered whole: it begins anew.
        if (past) {
          follower?.close()
          follower = past = null
        }
        telling.failing(error instanceof Error ? error.message : String(error))
        return null
      }
    },
  )
  return {
    start: () => polling.start(),
    stop: async () => {
      polling.stop()
      follower?.close()
      follower = null
    },
  }
}

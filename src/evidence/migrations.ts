/**
 * The schema, as numbered steps. A step that has been released is never edited: a change is a new
 * step, so that every database in the field is brought to the same schema by the same way.
 *
 * Facts and judgements carry their record as canonical JSON in `body` (it goes out as it came in);
 * the columns beside it are only those that a query needs. Times are epoch milliseconds. A time
 * that is not set is 9007199254740991, so that one comparison finds what still lasts.
 */
import { records } from "./migrations/01-records.ts"
import { governedRegister } from "./migrations/02-governed-register.ts"
import { sources } from "./migrations/03-sources.ts"
import { judging } from "./migrations/04-judging.ts"
import { labels } from "./migrations/05-labels.ts"
import { baselines } from "./migrations/06-baselines.ts"
import { bindings } from "./migrations/07-bindings.ts"
import { privacy } from "./migrations/08-privacy.ts"
import { coverage } from "./migrations/09-coverage.ts"
import { rewalks } from "./migrations/10-rewalks.ts"
import type { Migration } from "./migrations/migration.ts"

/** Stands for "no end" in `valid_to_ms` and `expires_ms`: Number.MAX_SAFE_INTEGER. */
export const noEnd = Number.MAX_SAFE_INTEGER

export const migrations: readonly Migration[] = [
  records,
  governedRegister,
  sources,
  judging,
  labels,
  baselines,
  bindings,
  privacy,
  coverage,
  rewalks,
]

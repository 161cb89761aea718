/** A change of the register as its audit keeps it: who did what to which bypass, when and why. */
import { z } from "zod"
import { common } from "./common.ts"
import { RegisterEntry } from "./register-entry.ts"

export const RegisterAct = z.enum([
  "added",
  "changed",
  /** Ended by a person, its row stays for a time; or taken out, then `after` is null. */
  "removed",
  /** A person looked at it and let it stand. */
  "reviewed",
  /** Its end was moved. */
  "renewed",
  /** A proposal was put in force, or turned down. */
  "accepted",
  "rejected",
])
export type RegisterAct = z.infer<typeof RegisterAct>

/** An entry without its use, which moves with each connection and is no change of the bypass. */
export const AuditedEntry = RegisterEntry.omit({ hits: true, bytes: true, last_hit_at: true })
export type AuditedEntry = z.infer<typeof AuditedEntry>

/** `observed_at` is when it was done, `id` its place in the audit. */
export const RegisterChange = z.strictObject({
  ...common,
  entry_id: z.string().min(1),
  /** `user@host` for a person; `correlator`, `config` or `import (user@host)` else. */
  who: z.string().min(1),
  what: RegisterAct,
  reason: z.string().nullable(),
  before: AuditedEntry.nullable(),
  after: AuditedEntry.nullable(),
  /** How much the bypass had been used by then; null for a new one, and where it was not kept. */
  use: RegisterEntry.pick({ hits: true, bytes: true, last_hit_at: true }).nullable(),
  /** SHA-256 (hex) over the hash before it, a line feed and this record's JSON without `hash`: a row
   * that was altered or taken out breaks the chain. Null for rows from before the chain began. */
  hash: z.string().nullable(),
})
export type RegisterChange = z.infer<typeof RegisterChange>

/** Ids that follow from what a thing is about: computed again they are the same, so that a record
 * is updated and never doubled. */
import { createHash } from "node:crypto"

/** The first 128 bits of SHA-256, in hex, over the parts; no part can run into the next. */
export function stableId(parts: readonly (string | null)[]): string {
  return createHash("sha256").update(JSON.stringify(parts)).digest("hex").slice(0, 32)
}

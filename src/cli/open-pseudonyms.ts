/** The pseudonyms of a data directory: one key for exports and sinks, so that both say the same. */
import { pseudonymKey } from "../evidence/pseudonym-key.ts"
import type { Store } from "../evidence/store.ts"
import { canonicalAddress } from "../identity/address-key.ts"
import { Pseudonyms } from "../record/pseudonym.ts"

export function openPseudonyms(dir: string, store: Store, mayMakeKey = true): Pseudonyms {
  const names = store.privacy.knownNames()
  return new Pseudonyms({
    key: pseudonymKey(dir, mayMakeKey),
    canonicalAddress,
    known: (word) => names.of(word),
  })
}

import type { Config } from "../../config.ts"
import type { Store } from "../../evidence/store.ts"
import type { Log } from "../../intercept/log.ts"

/** What the correlator runs on; `clock` in epoch milliseconds. */
export interface CorrelatorParts {
  store: Store
  config: Config
  log: Log
  clock: () => number
}

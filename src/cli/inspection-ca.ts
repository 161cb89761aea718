/** The inspection CA that the configuration names: loaded, or made at the first start. */
import { ensureInspectionCa } from "../ca/ensure.ts"
import type { InspectionCa } from "../ca/inspection-ca.ts"
import { loadInspectionCa } from "../ca/load.ts"
import type { Config } from "../config.ts"
import { configuredFile } from "./configured-file.ts"

/** Loads the CA that is there, for a worker: one that comes back after the CA's end must serve too. */
export function loadCa(config: Config, now: number): InspectionCa {
  return findCa(config, now, "watched").ca
}

/** The same, and whether it was made just now. */
export function findCa(
  config: Config,
  now: number,
  validity: "required" | "watched" = "required",
): { ca: InspectionCa; created: boolean } {
  const { cert, key, dir } = config.ca
  const file = config.ca["passphrase-file"]
  const passphrase =
    file === null ? {} : { passphrase: configuredFile("ca.passphrase-file", file).trimEnd() }
  if (cert === null || key === null)
    return ensureInspectionCa({ dir, now, validity, ...passphrase })
  const ca = loadInspectionCa({ certFile: cert, keyFile: key, now, validity, ...passphrase })
  return { ca, created: false }
}

/** The inspection CA: whether it is there and usable, and how long it lasts. Makes none. */
import { existsSync } from "node:fs"
import { join } from "node:path"
import type { Config } from "../../config.ts"
import { findCa } from "../inspection-ca.ts"
import { type Diagnosis, failed, ok, warn } from "./diagnosis.ts"

const about = "inspection CA"
const day = 86_400_000
/** Devices must be given its successor, which takes an MDM some weeks. */
const soon = 45 * day

/** Loading one that is not there would make it. */
export function hasCa({ ca }: Config): boolean {
  return ca.cert !== null || existsSync(join(ca.dir, "inspection-ca.key"))
}

export function lookAtCa(config: Config, now: number): Diagnosis[] {
  const { dir } = config.ca
  if (!hasCa(config))
    return [
      warn(
        about,
        `${dir} has none; the first start makes one`,
        "start the sensor or run pinsensor ca create, then give the certificate to the devices",
      ),
    ]
  try {
    const { ca } = findCa(config, now)
    const days = Math.floor((ca.notAfter - now) / day)
    const lasts = `${ca.keyKind} key, sha-256 ${ca.fingerprint.slice(0, 16)}, ${days} days left`
    const ends = ca.notAfter - now < soon
    return [
      ends
        ? warn(about, lasts, "make its successor and give it to the devices now")
        : ok(about, lasts),
      ...ca.warnings.map((warning) => warn(about, warning, "see docs/ca.md")),
    ]
  } catch (error) {
    return [failed(about, error, "see docs/ca.md")]
  }
}

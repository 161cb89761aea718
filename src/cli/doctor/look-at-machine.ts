/** The machine: descriptors, free space, and what transparent listeners need. */
import { existsSync, statfsSync } from "node:fs"
import { dirname, resolve } from "node:path"
import { type Config, listenersOf } from "../../config.ts"
import { isTransparent } from "../../intercept/listeners.ts"
import { transparentSupport } from "../../intercept/original-destination.ts"
import { connectionsWithin, descriptorLimit, descriptorsFor } from "../descriptors.ts"
import { type Diagnosis, fail, failed, ok, warn } from "./diagnosis.ts"

const GiB = 1024 ** 3
/** Below it evidence of a busy egress fills the disk within a day. */
const space = { warn: 5 * GiB, fail: 200 * 1024 ** 2 }

export function lookAtMachine(config: Config): Diagnosis[] {
  return [descriptors(config), freeSpace(config.data), ...transparency(config)].filter(
    (diagnosis) => diagnosis !== null,
  )
}

function descriptors({ limits }: Config): Diagnosis | null {
  const limit = descriptorLimit()
  if (limit === null) return null
  const within = connectionsWithin(limit)
  const says = `${limit}: enough for ${within} connections a worker; ${limits.connections} are configured`
  if (within >= limits.connections) return ok("descriptors", says)
  const wanted = descriptorsFor(limits.connections)
  return warn(
    "descriptors",
    says,
    `raise the limit to ${wanted} (LimitNOFILE= of the service) or lower limits.connections`,
  )
}

function freeSpace(dir: string): Diagnosis {
  try {
    const { bavail, bsize } = statfsSync(existing(resolve(dir)))
    const free = bavail * bsize
    const says = `${(free / GiB).toFixed(1)} GiB free at ${dir}`
    const advice = "make room, or let retention forget: evidence that cannot be written is lost"
    if (free < space.fail) return fail("disk", says, advice)
    return free < space.warn ? warn("disk", says, advice) : ok("disk", says)
  } catch (error) {
    return failed("disk", error, "give a data directory that exists: --data DIR")
  }
}

/** The directory itself, or the nearest above it that is there. */
function existing(dir: string): string {
  return existsSync(dir) || dirname(dir) === dir ? dir : existing(dirname(dir))
}

function transparency(config: Config): Diagnosis[] {
  const wanting = listenersOf(config).filter(({ kind }) => isTransparent(kind))
  if (wanting.length === 0) return []
  const names = wanting.map(({ name }) => name).join(", ")
  const why = transparentSupport()
  return [
    why === null
      ? ok("transparent mode", `this machine can serve ${names}`)
      : fail("transparent mode", `${names} cannot work here: ${why}`, "see docs/interception.md"),
  ]
}

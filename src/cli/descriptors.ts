/**
 * File descriptors: how many connections they suffice for, and whether there are any left.
 *
 * Without one, accepting fails and libuv drops the connection without telling anybody. So a worker lets
 * in no more clients than it has descriptors for; beyond, they are turned away and counted like those
 * above any other limit: fails closed.
 */
import { closeSync, openSync, readFileSync } from "node:fs"
import type { Log } from "../intercept/log.ts"
import { errorCode } from "../intercept/tls-error.ts"

/** A client's, an origin's, and a second one of the client's until its Finished (tcp-info.ts). */
const each = 3
/** For the database, its thread, name servers, listeners, and legs that outlive their client. */
const reserve = 128

/** How many this process may open (Node has raised its soft limit to the hard one); null: unknown. */
export function descriptorLimit(): number | null {
  try {
    const [, soft] = /^Max open files +(\d+)/m.exec(readFileSync("/proc/self/limits", "utf8")) ?? []
    return soft === undefined ? null : Number(soft)
  } catch {
    return null
  }
}

/** Connections of one worker that so many descriptors suffice for. */
export function connectionsWithin(descriptors: number): number {
  return Math.max(1, Math.floor((descriptors - reserve) / each))
}

/** Descriptors that so many connections may need. */
export function descriptorsFor(connections: number): number {
  return connections * each + reserve
}

/** Owned state: whether there was one at the last look. */
export class DescriptorWatch {
  readonly #log: Log
  #exhausted = false

  constructor(log: Log) {
    this.#log = log
  }

  /** Opens one and closes it again. Tells each change; true while there is none. */
  look(): boolean {
    const code = faultOfOpening()
    const exhausted = code === "EMFILE" || code === "ENFILE"
    if (exhausted !== this.#exhausted) {
      if (exhausted) this.#log("error", "descriptors-exhausted", { reason: code })
      else this.#log("info", "descriptors-free", {})
    }
    this.#exhausted = exhausted
    return exhausted
  }
}

function faultOfOpening(): string | null {
  try {
    closeSync(openSync("/dev/null", "r"))
    return null
  } catch (error) {
    return errorCode(error)
  }
}

/**
 * Puts together what logs say of one session in several lines, in any order and minutes apart. In: parts, in
 * the order in which they were read. Out: sessions, once each when all of it is there, and those that
 * waited in vain as far as they are known. It must not know where the parts were read.
 */
import { type SeenPart, type SeenSession, withHandshake } from "./seen-session.ts"

/** Sessions that are waited for: 600 bytes each. The oldest goes as it is known. */
const mostWaiting = 100_000
/** Sessions that were given without their end: connections that last. The oldest is forgotten, and its end,
 * when it comes, has no name. */
const mostLasting = 50_000

export interface JoinSettings {
  waitMs: number
  /** Ports on which an unanswered connection is a direct try. */
  ports: ReadonlySet<number>
  /** Protocols whose handshakes have a log that is read. */
  logged: ReadonlySet<string>
}

interface Waiting {
  session: SeenSession
  /** Protocols of which the handshake was told, and those that were found in the connection. */
  told: Set<string>
  services: readonly string[] | null
  /** Number of the part that came first, and when it was read (epoch milliseconds). */
  first: number
  sinceMs: number
}

/** Owned state: `mostWaiting` and `mostLasting` sessions. */
export class SessionJoin {
  readonly #settings: JoinSettings
  /** In the order of arrival. */
  readonly #waiting = new Map<string, Waiting>()
  readonly #lasting = new Map<string, Waiting>()
  #count = 0

  constructor(settings: JoinSettings) {
    this.#settings = settings
  }

  /** Parts so far. */
  get count(): number {
    return this.#count
  }

  /** The oldest part that is still needed; infinite where none is. */
  get oldest(): number {
    for (const { first } of this.#waiting.values()) return first
    return Number.POSITIVE_INFINITY
  }

  /** `protocol`: whose handshake the part tells of, where it tells of one. */
  add(part: SeenPart, protocol: string | null, nowMs: number): SeenSession[] {
    this.#count++
    const known = this.#waiting.get(part.key) ?? this.#lasting.get(part.key)
    if (!known && !this.#concerns(part)) return []
    const waiting = known ?? this.#begin(part, nowMs)
    take(waiting, part, protocol)
    if (this.#isWhole(waiting)) {
      this.#waiting.delete(part.key)
      this.#lasting.delete(part.key)
      return [waiting.session]
    }
    const [oldest] = this.#waiting
    return oldest && this.#waiting.size > mostWaiting ? this.#give(...oldest) : []
  }

  /** Sessions that have waited long enough. */
  overdue(nowMs: number): SeenSession[] {
    const given: SeenSession[] = []
    for (const [key, waiting] of this.#waiting) {
      if (nowMs - waiting.sinceMs < this.#settings.waitMs) break
      given.push(...this.#give(key, waiting))
    }
    return given
  }

  #begin(part: SeenPart, sinceMs: number): Waiting {
    const { key, network, client, server, atMs } = part
    const session = {
      key,
      network,
      client,
      server,
      seenMs: atMs,
      handshake: null,
      connection: null,
    }
    const first = this.#count
    const waiting = { session, told: new Set<string>(), services: null, first, sinceMs }
    this.#waiting.set(key, waiting)
    return waiting
  }

  /** A line about a handshake always; of connections those with TLS in them, those that may have been meant
   * for it, and those whose protocol was not found out. */
  #concerns({ connection, services, server, network }: SeenPart): boolean {
    if (connection === null || services === null) return true
    if (services.some((each) => each === "tls" || each === "quic")) return true
    const found = services.some((each) => each !== "" && each !== "failed" && !each.startsWith("-"))
    return (
      !found && this.#settings.ports.has(server.port) && (network === "tcp" || isTry(connection))
    )
  }

  #isWhole({ session, told, services }: Waiting): boolean {
    const { connection } = session
    if (connection === null || services === null) return false
    const found = services.filter((each) => this.#settings.logged.has(each))
    if (found.length > 0) return found.every((each) => told.has(each))
    return (
      told.size > 0 ||
      isTry(connection) ||
      services.some((each) => each === "tls" || each === "quic")
    )
  }

  /** What has shown no TLS at all is no session. One that has not ended stays, to be completed. */
  #give(key: string, waiting: Waiting): SeenSession[] {
    const { session, services } = waiting
    this.#waiting.delete(key)
    if (session.connection === null) {
      this.#lasting.set(key, waiting)
      const [oldest] = this.#lasting.keys()
      if (oldest !== undefined && this.#lasting.size > mostLasting) this.#lasting.delete(oldest)
    }
    const hasTls = services?.some((each) => each === "tls" || each === "quic")
    // What is given must not change with what comes yet.
    return session.handshake !== null || hasTls ? [{ ...session }] : []
  }
}

function take(waiting: Waiting, part: SeenPart, protocol: string | null): void {
  const { session, told } = waiting
  session.seenMs = Math.min(session.seenMs, part.atMs)
  if (part.network === "quic") session.network = "quic"
  if (part.handshake) session.handshake = withHandshake(session.handshake, part.handshake)
  if (protocol) told.add(protocol)
  if (!part.connection) return
  session.connection = part.connection
  session.network = part.network
  session.client = part.client
  session.server = part.server
  waiting.services = part.services
}

function isTry({ answered }: NonNullable<SeenPart["connection"]>): boolean {
  return answered !== "yes"
}

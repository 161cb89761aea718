/**
 * Who uses the explicit proxy: Proxy-Authorization with Basic credentials (RFC 7617). Comes in: the
 * header of a request; goes out: a user, nobody, or a refusal. It must not know what is asked for.
 */
import { createHmac, randomBytes } from "node:crypto"
import { z } from "zod"
import { isPassword, type PasswordHash, readPasswordHash } from "./password-hash.ts"

export const ProxyUsersSettings = z.strictObject({
  /** One `user:hash` a line, as `pinsensor proxy-user NAME` prints it. */
  file: z.string().min(1),
  /** Without valid credentials: true refuses with 407, false serves as nobody. */
  require: z.boolean().default(true),
  /** A login binds the client's address to the device of its user, who has exactly one. */
  bind: z.boolean().default(true),
})

export type LoginVerdict = { user: string | null } | { refused: "unknown" | "busy" }

/** Verdicts are remembered so long: a change of the file holds after a restart anyway. A wrong
 * password is remembered for less, and not verified again meanwhile. */
const rememberFor = { right: 15 * 60_000, wrong: 60_000 }
/** Credentials remembered; the oldest goes, and costs one more verification. */
const most = 20_000
/** Verifications at a time, of one client (running and waiting) and in all (running, waiting): each
 * takes a thread and its memory. */
const atOnce = { client: 4, running: 4, waiting: 1_000 }
const longestHeader = 1_024

export interface LoginParts {
  users: ReadonlyMap<string, PasswordHash>
  require: boolean
  /** In milliseconds; it need not be the time of day. */
  clock: () => number
}

interface Known {
  user: string | null
  until: number
}

/** Owned state: what was verified lately, by a keyed hash of the credentials, and what is being verified. */
export class ProxyLogins {
  readonly #parts: LoginParts
  readonly #secret = randomBytes(32)
  readonly #known = new Map<string, Known>()
  /** Equal credentials share one verification; as many as may run and wait. */
  readonly #pending = new Map<string, Promise<string | null>>()
  readonly #ofClient = new Map<string, number>()
  readonly #waiting: (() => void)[] = []
  #running = 0

  constructor(parts: LoginParts) {
    this.#parts = parts
  }

  /** Answered at once where nothing has to be verified. */
  check(header: string | undefined, client: string): LoginVerdict | Promise<LoginVerdict> {
    const credentials = header === undefined ? null : readBasic(header)
    if (credentials === null) return this.#verdict(null)
    const key = this.#keyOf(credentials)
    const known = this.#known.get(key)
    if (known && known.until > this.#parts.clock()) return this.#verdict(known.user)
    const pending = this.#pending.get(key)
    if (pending) return pending.then((user) => this.#verdict(user))
    const mine = this.#ofClient.get(client) ?? 0
    if (mine >= atOnce.client || this.#waiting.length >= atOnce.waiting)
      return this.#parts.require ? { refused: "busy" } : { user: null }
    this.#ofClient.set(client, mine + 1)
    const verification = this.#verify(credentials, key).finally(() => this.#leave(client, key))
    this.#pending.set(key, verification)
    return verification.then((user) => this.#verdict(user))
  }

  /** What is remembered is worth nothing outside this process. */
  #keyOf({ user, password }: Credentials): string {
    return createHmac("sha256", this.#secret).update(`${user}:${password}`).digest("base64")
  }

  /** Fails closed where credentials are required. */
  #verdict(user: string | null): LoginVerdict {
    return user === null && this.#parts.require ? { refused: "unknown" } : { user }
  }

  async #verify({ user, password }: Credentials, key: string): Promise<string | null> {
    // A place that becomes free is handed over, not given up.
    if (this.#running < atOnce.running) this.#running++
    else await new Promise<void>((resolve) => this.#waiting.push(resolve))
    try {
      const stored = this.#parts.users.get(user)
      // For a name that is not known it takes as long.
      const right = await isPassword(password, stored ?? this.#anybody())
      return this.#remember(key, stored !== undefined && right ? user : null)
    } catch {
      return null
    } finally {
      const next = this.#waiting.shift()
      if (next) next()
      else this.#running--
    }
  }

  #anybody(): PasswordHash {
    const [some] = this.#parts.users.values()
    return some ?? { ln: 14, r: 8, p: 1, salt: Buffer.alloc(16), hash: Buffer.alloc(32) }
  }

  #remember(key: string, user: string | null): string | null {
    const until = this.#parts.clock() + (user === null ? rememberFor.wrong : rememberFor.right)
    this.#known.delete(key)
    this.#known.set(key, { user, until })
    if (this.#known.size > most) {
      const [oldest] = this.#known.keys()
      if (oldest !== undefined) this.#known.delete(oldest)
    }
    return user
  }

  #leave(client: string, key: string): void {
    this.#pending.delete(key)
    const rest = (this.#ofClient.get(client) ?? 1) - 1
    if (rest > 0) this.#ofClient.set(client, rest)
    else this.#ofClient.delete(client)
  }
}

interface Credentials {
  user: string
  password: string
}

/** RFC 7617 section 2: the user has no colon, the password may; both in UTF-8. */
function readBasic(header: string): Credentials | null {
  if (header.length > longestHeader) return null
  const token = /^basic +([A-Za-z0-9+/]+={0,2}) *$/i.exec(header)?.[1]
  if (token === undefined) return null
  const text = Buffer.from(token, "base64").toString("utf8")
  const colon = text.indexOf(":")
  return colon < 1 ? null : { user: text.slice(0, colon), password: text.slice(colon + 1) }
}

/** A user's name as a line may hold it: no colon, no control characters, no space at its ends. */
export function isUserName(name: string): boolean {
  return /^[^\p{Cc}:#][^\p{Cc}:]{0,254}$/u.test(name) && name.trim() === name
}

/** Throws an Error that names the line. Empty lines and lines with # are passed over. */
export function readProxyUsers(text: string, file: string): Map<string, PasswordHash> {
  const users = new Map<string, PasswordHash>()
  for (const [index, line] of text.split(/\r?\n/).entries()) {
    if (line.trim() === "" || line.startsWith("#")) continue
    const colon = line.indexOf(":")
    const name = line.slice(0, Math.max(0, colon))
    const hash = readPasswordHash(line.slice(colon + 1))
    const where = `proxy-users: ${file}, line ${index + 1}`
    if (!isUserName(name) || hash === null)
      throw new Error(`${where}: not NAME:$scrypt$…; make the line with pinsensor proxy-user NAME`)
    if (users.has(name)) throw new Error(`${where}: user ${name} is there twice; remove one`)
    users.set(name, hash)
  }
  if (users.size === 0)
    throw new Error(`proxy-users: ${file} names nobody; add a line of pinsensor proxy-user NAME`)
  return users
}

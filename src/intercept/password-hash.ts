/** Passwords as they are stored: scrypt (RFC 7914) in the PHC string format, with its parameters. */
import { randomBytes, type ScryptOptions, scrypt, timingSafeEqual } from "node:crypto"

export interface PasswordHash {
  /** Base-2 logarithm of scrypt's N, then r and p. */
  ln: number
  r: number
  p: number
  salt: Buffer
  hash: Buffer
}

/** 16 MiB and some 30 ms a verification: hundreds of users of one sensor come within a minute. */
const chosen = { ln: 14, r: 8, p: 1 }
/** What a line may ask of us: N and r together at most 256 MiB, and so many times. */
const most = { memory: 256 * 1024 ** 2, p: 16 }
const pattern =
  /^\$scrypt\$ln=(\d{1,2}),r=(\d{1,2}),p=(\d{1,2})\$([A-Za-z0-9+/]{11,86})\$([A-Za-z0-9+/]{22,86})$/

/** Null for what is no such line, or costs more than we pay. */
export function readPasswordHash(text: string): PasswordHash | null {
  const [, ln, r, p, salt = "", hash = ""] = pattern.exec(text) ?? []
  const read = { ln: Number(ln), r: Number(r), p: Number(p) }
  const affordable = memory(read) <= most.memory && read.p <= most.p
  if (!(read.ln >= 10 && read.r >= 1 && read.p >= 1 && affordable)) return null
  return { ...read, salt: Buffer.from(salt, "base64"), hash: Buffer.from(hash, "base64") }
}

export async function hashPassword(password: string): Promise<string> {
  const salt = randomBytes(16)
  const hash = await derive(password, { ...chosen, salt, hash: Buffer.alloc(32) })
  const { ln, r, p } = chosen
  return `$scrypt$ln=${ln},r=${r},p=${p}$${base64(salt)}$${base64(hash)}`
}

export async function isPassword(password: string, stored: PasswordHash): Promise<boolean> {
  return timingSafeEqual(await derive(password, stored), stored.hash)
}

/** In libuv's thread pool: the event loop goes on. */
function derive(password: string, { ln, r, p, salt, hash }: PasswordHash): Promise<Buffer> {
  const options: ScryptOptions = { N: 2 ** ln, r, p, maxmem: 2 * memory({ ln, r }) }
  return new Promise((resolve, reject) =>
    scrypt(password, salt, hash.length, options, (error, key) =>
      error ? reject(error) : resolve(key),
    ),
  )
}

/** RFC 7914 section 2: 128 * N * r bytes. */
function memory({ ln, r }: { ln: number; r: number }): number {
  return 128 * r * 2 ** ln
}

function base64(bytes: Buffer): string {
  return bytes.toString("base64").replace(/=+$/, "")
}

/** The keys that requests may be signed with, each of one producer. */
import { readSecret } from "../../source/secret.ts"
import type { SenderSettings } from "./settings.ts"

/** A secret is read again after so long, so that a rotated one is taken; in milliseconds. */
const readEvery = 5_000
/** A shorter secret could be guessed from one recorded request. */
const shortest = 32

export interface FoundKey {
  sender: string
  secret: string
}

interface Kept {
  /** Null where it could not be read yet. */
  secret: string | null
  readAt: number
}

/** Owned state: secrets as last read, one a configured key. */
export class Keyring {
  readonly #senders: readonly SenderSettings[]
  readonly #clock: () => number
  readonly #unreadable: (reason: string) => void
  readonly #kept = new Map<string, Kept>()

  constructor(
    senders: readonly SenderSettings[],
    parts: { clock: () => number; unreadable: (reason: string) => void },
  ) {
    this.#senders = senders
    this.#clock = parts.clock
    this.#unreadable = parts.unreadable
  }

  /** Null for an id that is unknown or whose time is over. */
  find(id: string): FoundKey | null {
    const now = this.#clock()
    for (const { name, keys } of this.#senders)
      for (const key of keys) {
        if (key.id !== id) continue
        if (key.until !== null && Date.parse(key.until) <= now) return null
        const secret = this.#secretOf(name, key, now)
        return secret === null ? null : { sender: name, secret }
      }
    return null
  }

  /** A file that cannot be read now leaves what it said last. */
  #secretOf(sender: string, key: SenderSettings["keys"][number], now: number): string | null {
    const kept = this.#kept.get(key.id)
    if (kept && now >= kept.readAt && now < kept.readAt + readEvery) return kept.secret
    try {
      const secret = readKey(sender, key)
      this.#kept.set(key.id, { secret, readAt: now })
      return secret
    } catch (error) {
      this.#unreadable(error instanceof Error ? error.message : String(error))
      const secret = kept?.secret ?? null
      this.#kept.set(key.id, { secret, readAt: now })
      return secret
    }
  }
}

/** The secret of a key; an error that says what to do if it cannot be used. */
export function readKey(sender: string, key: SenderSettings["keys"][number]): string {
  const at = `sources.webhook.senders.${sender}.keys.${key.id}.secret`
  const secret = readSecret(at, key.secret)
  if (secret.length < shortest)
    throw new Error(`${at}: is shorter than ${shortest} characters; make one: openssl rand -hex 32`)
  return secret
}

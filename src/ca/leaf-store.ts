/**
 * The leaves in use, so that a warm host costs one look-up.
 *
 * In: a name, a key kind and the origin's names. Out: what to present and the facts to store. It
 * does no input or output and knows no connection; time is an argument.
 */
import type { SecureContext } from "node:tls"
import type { InspectionCa } from "./inspection-ca.ts"
import { LeafContexts } from "./leaf-context.ts"
import type { LeafKeys, LeafKind } from "./leaf-keys.ts"
import { readLeafName } from "./leaf-name.ts"
import { type LeafFault, leafSelfCheck } from "./leaf-self-check.ts"
import { type Leaf, mintLeaf } from "./mint.ts"
import type { OriginNames } from "./origin-leaf-names.ts"

export interface WantedLeaf {
  /** SNI, else CONNECT host, else address. */
  name: string
  kind: LeafKind
  /** SHA-256 of the origin's leaf: tells apart what `mirror` says. Give both or neither. */
  originFingerprint?: string | undefined
  mirror?: OriginNames | undefined
}

export interface PresentedLeaf {
  /** A context with this leaf in it, for TLSSockets that are made at once: all leaves share it. */
  readonly secureContext: () => SecureContext
  readonly kind: LeafKind
  /** SHA-256, lower-case hex. */
  readonly fingerprint: string
  /** SHA-256 of the issuing CA. */
  readonly issuingCa: string
  readonly notBefore: number
  readonly notAfter: number
  readonly names: readonly string[]
  readonly selfCheck: "ok" | LeafFault
}

interface Entry {
  presented: PresentedLeaf
  /** Epoch milliseconds between which the leaf is good to present. */
  freshFrom: number
  freshUntil: number
}

const DAY = 86_400_000

/** Of so many leaves the first has its signature verified. */
const signatureCheckedEvery = 64

/**
 * Leaves kept, at some 4 KiB each. One that went costs a third of a millisecond again under an EC CA,
 * and 1.1 ms under RSA-2048; one that is there 1 us.
 */
const defaultLimit = 4096

export class LeafStore {
  readonly #ca: InspectionCa
  readonly #keys: LeafKeys
  readonly #contexts = new LeafContexts()
  #minted = 0
  readonly #limit: number
  /** At most `#limit` entries, in the order of last use; the least recently used goes. */
  readonly #entries = new Map<string, Entry>()

  constructor({
    ca,
    keys,
    limit = defaultLimit,
  }: { ca: InspectionCa; keys: LeafKeys; limit?: number }) {
    this.#ca = ca
    this.#keys = keys
    this.#limit = limit
  }

  get size(): number {
    return this.#entries.size
  }

  /** Never fails: a name that no certificate can hold gets a leaf whose `selfCheck` says so. */
  get(wanted: WantedLeaf, now: number): PresentedLeaf {
    // Read names are short and clean, so keys are bounded and cannot run into one another.
    const name = readLeafName(wanted.name)?.text ?? ""
    const key = `${wanted.kind} ${name} ${wanted.originFingerprint ?? ""}`
    const known = this.#entries.get(key)
    if (known !== undefined) {
      this.#entries.delete(key)
      if (now >= known.freshFrom && now < known.freshUntil) {
        this.#entries.set(key, known)
        return known.presented
      }
    }
    const entry = this.#mint(wanted, name, now)
    this.#entries.set(key, entry)
    this.#dropOldest()
    return entry.presented
  }

  #mint({ kind, mirror }: WantedLeaf, name: string, now: number): Entry {
    const ca = this.#ca
    const leaf = mintLeaf(ca, this.#keys[kind], { name, mirror, now })
    const signature = this.#minted++ % signatureCheckedEvery === 0
    const presented: PresentedLeaf = Object.freeze({
      secureContext: () => this.#contexts.showing(leaf),
      kind,
      fingerprint: leaf.fingerprint,
      issuingCa: ca.fingerprint,
      notBefore: leaf.notBefore,
      notAfter: leaf.notAfter,
      names: leaf.names,
      selfCheck: leafSelfCheck(leaf, ca, name, now, signature),
    })
    return { presented, ...freshness(leaf, ca, now) }
  }

  #dropOldest(): void {
    if (this.#entries.size <= this.#limit) return
    const [oldest] = this.#entries.keys()
    if (oldest !== undefined) this.#entries.delete(oldest)
  }
}

/**
 * A leaf is renewed when less than a third of its life, or a day, is left, and when the clock was
 * set back before its start. Where the CA's own end is near or past, a new leaf would be no better:
 * then it is minted once more at that end, so that its check tells.
 */
function freshness(
  leaf: Leaf,
  ca: InspectionCa,
  now: number,
): { freshFrom: number; freshUntil: number } {
  if (leaf.notAfter < now) {
    return { freshFrom: leaf.notAfter + 1, freshUntil: Number.POSITIVE_INFINITY }
  }
  const freshFrom = leaf.notBefore <= now ? leaf.notBefore : Number.NEGATIVE_INFINITY
  if (leaf.notAfter >= ca.notAfter) return { freshFrom, freshUntil: leaf.notAfter + 1 }
  const spare = Math.max((leaf.notAfter - leaf.notBefore) / 3, DAY)
  return { freshFrom, freshUntil: leaf.notAfter - spare }
}

/**
 * What persons said of the baseline. In: their statements, in any order. Out: which of them holds for an
 * app's destination, and up to when is learned where learning is frozen. It must not know what was
 * learned.
 *
 * A statement on a pair holds for whatever is judged, be it older than the statement: it corrects what
 * is known, as the app register does. A freeze is about learning, so it begins when it was said.
 */
import type { BaselineChange } from "../record/baseline-change.ts"
import {
  canonicalHost,
  type HostPattern,
  matchesHost,
  parseHostPattern,
} from "../record/host-pattern.ts"
import { hostOf } from "./destination.ts"

/** Apps and destinations of which something is said, half a KiB each; beyond it the oldest statements go, so
 * many at a time: to find them takes some milliseconds. */
const mostPairs = 10_000
const forgottenAtOnce = 1_000
/** Freezes and thaws of one app (or of all); the newest stay. */
const mostFreezes = 100

/** Of one app, those that are not withdrawn. A question costs the labels of a name, however many there are. */
interface Patterns {
  /** By what the names below it end with, and as they were written. */
  below: Map<string, Map<string, BaselineChange>>
  /** As they were written. */
  networks: Map<string, { pattern: HostPattern; change: BaselineChange }>
}

export class BaselineStatements {
  /** The newest statement on each destination of each app, as it was written. */
  readonly #pairs = new Map<string, Map<string, BaselineChange>>()
  /** Of those the ones that are patterns, for each app. */
  readonly #patterns = new Map<string, Patterns>()
  /** Freezes and thaws, oldest first; "" is for all apps. */
  readonly #freezes = new Map<string, BaselineChange[]>()
  #size = 0

  add(change: BaselineChange): void {
    if (change.what === "frozen" || change.what === "thawed") this.#addFreeze(change)
    else if (change.app_id !== null && change.destination !== null) this.#addPair(change)
  }

  /** The statement that holds for a pair at a time, in epoch milliseconds: the newest of those that
   * cover it and were not withdrawn, unless that one has expired. */
  of(appId: string, destination: string, at: number): BaselineChange | null {
    const own = this.#pairs.get(appId)
    if (!own) return null
    const exact = own.get(destination)
    let newest = exact && exact.what !== "withdrawn" ? exact : null
    for (const change of this.#covering(appId, destination))
      if (newest === null || isNewer(change, newest)) newest = change
    return newest && !hasExpired(newest, at) ? newest : null
  }

  /** All that was said of pairs, the newest of each, expired or not. */
  *all(): Generator<BaselineChange> {
    for (const own of this.#pairs.values()) yield* own.values()
  }

  /** Up to when is learned of an app, as seen from a time: that time itself, or the moment before the
   * freeze that holds then. */
  learnedUntil(appId: string, at: number): number {
    let until = at
    for (;;) {
      const begun = this.#freezeAt(appId, until)
      if (begun === null) return until
      until = Date.parse(begun.observed_at) - 1
    }
  }

  /** The freeze that holds at a time. */
  freeze(appId: string, at: number): BaselineChange | null {
    return this.#freezeAt(appId, at)
  }

  /** Whether anything was ever frozen. */
  get freezes(): boolean {
    return this.#freezes.size > 0
  }

  /** Freezes that hold at a time or later, of an app and of all. */
  freezesSince(appId: string, at: number): BaselineChange[] {
    return ["", appId].flatMap((of) =>
      (this.#freezes.get(of) ?? []).filter(
        (change) => change.what === "frozen" && !hasExpired(change, at),
      ),
    )
  }

  #freezeAt(appId: string, at: number): BaselineChange | null {
    const holding = ["", appId].flatMap((of) => {
      const last = this.#freezes.get(of)?.findLast((each) => Date.parse(each.observed_at) <= at)
      return last?.what === "frozen" && !hasExpired(last, at) ? [last] : []
    })
    return holding.sort(byTime)[0] ?? null
  }

  #addFreeze(change: BaselineChange): void {
    const of = change.app_id ?? ""
    const known = (this.#freezes.get(of) ?? []).filter(({ id }) => id !== change.id)
    this.#freezes.set(of, [...known, change].sort(byTime).slice(-mostFreezes))
  }

  /** Of patterns. */
  *#covering(appId: string, destination: string): Generator<BaselineChange> {
    const patterns = this.#patterns.get(appId)
    if (!patterns) return
    const host = hostOf(destination)
    const name = patterns.below.size > 0 ? (canonicalHost(host) ?? "") : ""
    for (let at = name.indexOf("."); at >= 0; at = name.indexOf(".", at + 1))
      yield* patterns.below.get(name.slice(at))?.values() ?? []
    if (!/[\d:\]]$/.test(host)) return
    for (const { pattern, change } of patterns.networks.values())
      if (matchesHost(pattern, host)) yield change
  }

  #addPair(change: BaselineChange): void {
    const { app_id, destination } = change
    if (app_id === null || destination === null) return
    const own = this.#pairs.get(app_id) ?? new Map<string, BaselineChange>()
    const known = own.get(destination)
    if (known && !isNewer(change, known)) return
    own.set(destination, change)
    this.#pairs.set(app_id, own)
    this.#setPattern(app_id, destination, change.what === "withdrawn" ? null : change)
    if (!known) this.#size += 1
    if (this.#size >= mostPairs + forgottenAtOnce) this.#forgetOldest()
  }

  #forgetOldest(): void {
    for (const { app_id, destination } of [...this.all()].sort(byTime).slice(0, forgottenAtOnce)) {
      const own = this.#pairs.get(app_id ?? "")
      if (app_id === null || destination === null || !own?.delete(destination)) continue
      this.#size -= 1
      if (own.size === 0) this.#pairs.delete(app_id)
      this.#setPattern(app_id, destination, null)
    }
  }

  /** Null takes it out; what is no pattern is passed over. */
  #setPattern(appId: string, text: string, change: BaselineChange | null): void {
    const pattern = patternOf(text)
    if (pattern === null || pattern.kind === "name") return
    const patterns: Patterns = this.#patterns.get(appId) ?? {
      below: new Map(),
      networks: new Map(),
    }
    this.#patterns.set(appId, patterns)
    const { below, networks } = patterns
    if (pattern.kind === "network") {
      if (change) networks.set(text, { pattern, change })
      else networks.delete(text)
    } else {
      const same = below.get(pattern.suffix) ?? new Map<string, BaselineChange>()
      if (change) below.set(pattern.suffix, same.set(text, change))
      else if (same.delete(text) && same.size === 0) below.delete(pattern.suffix)
    }
    if (below.size === 0 && networks.size === 0) this.#patterns.delete(appId)
  }
}

/** More than one destination (`*.example.org`, a network, or an address at any port), or a name; null: neither, as
 * an address with its port. */
function patternOf(text: string): HostPattern | null {
  try {
    return parseHostPattern(text)
  } catch {
    return null
  }
}

export function hasExpired({ expires_at }: BaselineChange, at: number): boolean {
  return expires_at !== null && Date.parse(expires_at) <= at
}

function isNewer(change: BaselineChange, known: BaselineChange): boolean {
  return byTime(known, change) < 0
}

/** Of two at one time the id decides. */
function byTime(a: BaselineChange, b: BaselineChange): number {
  if (a.observed_at !== b.observed_at) return a.observed_at < b.observed_at ? -1 : 1
  return a.id < b.id ? -1 : a.id > b.id ? 1 : 0
}

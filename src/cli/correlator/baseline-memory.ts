/**
 * The baseline as the correlator asks for it: a profile of each app at each destination, kept in step
 * with the store, and what persons said. In: attributed connections and statements, in any order. Out:
 * answers as of a time and without the device that asks; and who must be asked again.
 *
 * Profiles are written in the commit that moves the cursor over their connections. What is learned is
 * then lost by no crash; of mere traffic (bytes a day) a crash may lose what came since the last minute.
 */
import { keptOfPair, type LearningRule, standingOf } from "../../analytics/baseline.ts"
import { BaselineStatements } from "../../analytics/baseline-statements.ts"
import { destinationOf } from "../../analytics/destination.ts"
import { pairBefore } from "../../analytics/pair-before.ts"
import {
  emptyPair,
  foldAttempt,
  foldFlow,
  type KeptOfPair,
  tellsOfPair,
} from "../../analytics/pair-profile.ts"
import type { Config } from "../../config.ts"
import type { Store } from "../../evidence/store.ts"
import type { Attempt } from "../../record/attempt.ts"
import type { Attributed } from "../../record/attributed.ts"
import type { Baselines, PairQuestion, PairStanding } from "../../record/baseline.ts"
import type { BaselineChange } from "../../record/baseline-change.ts"
import type { Flow } from "../../record/flow.ts"
import { PairProfile } from "../../record/pair-profile.ts"

/** Profiles in memory, some 2 KB each (10 KB at most); the one untouched longest goes, and is read
 * again. Without a store it is forgotten. */
const mostInMemory = 20_000
/** Profiles stored; of more, those not seen longest go. */
const mostStored = 200_000
/** A pair of which nothing was seen for so long is forgotten. */
const keptUnseenMs = 90 * 86_400_000
/** Devices remembered to have asked for one pair, and pairs asked for; whoever asked longest ago goes,
 * and is judged anew with its next record. */
const mostAsking = 32
const mostAsked = 100_000
/** Mere traffic is written so often, in milliseconds of the wall clock. */
const trafficEvery = 60_000
/** And it is looked for what is too old so often. */
const forgetEvery = 600_000
/** Statements read at a time. */
const batch = 1_000
const learnedCursor = "correlator/pairs"

export interface BaselineParts {
  config: Pick<Config, "tenant" | "analytics">
  /** Without a store, as in a replay, all is kept in memory, and ten times as much of it; then these are
   * what persons said. */
  store?: PairStore
  statements?: Iterable<BaselineChange>
}

export type PairStore = Pick<
  Store,
  | "pairProfile"
  | "putPairProfiles"
  | "forgetPairProfiles"
  | "follow"
  | "cursor"
  | "saveCursor"
  | "transaction"
>

interface Kept {
  pair: PairProfile
  /** What is to be written: something that became known, or only traffic. */
  dirty: "no" | "traffic" | "known"
  written: number
}

interface Asked {
  now: number
  question: PairQuestion
  was: PairStanding["is"]
}

export class BaselineMemory {
  /** Nothing was ever learned into the store: the past is to be read as far back as the rule looks. */
  isNew: boolean
  readonly #parts: BaselineParts
  readonly #statements = new BaselineStatements()
  readonly #pairs = new Map<string, Kept>()
  /** Changed since the last commit; at most one for each connection of the news. */
  readonly #touched = new Set<string>()
  /** Profiles with traffic that waits to be written. */
  readonly #waiting = new Set<string>()
  readonly #asked = new Map<string, Map<string, Asked>>()
  readonly #late = new Set<string>()
  #usual: { of: Config["analytics"]; kept: KeptOfPair } | null = null
  /** Up to which statement is known. */
  #said = 0
  #forgottenAt = Number.NEGATIVE_INFINITY

  constructor(parts: BaselineParts) {
    this.#parts = parts
    for (const change of parts.statements ?? []) this.#take(change)
    this.refresh()
    this.isNew = parts.store?.cursor(learnedCursor) === 0
  }

  /** Pairs in memory. */
  get size(): number {
    return this.#pairs.size
  }

  noteAttempt(attempt: Attributed<Attempt>): void {
    this.#note(attempt, (pair, kept) => foldAttempt(pair, attempt, kept))
  }

  noteFlow(flow: Attributed<Flow>): void {
    this.#note(flow, (pair, kept) => foldFlow(pair, flow, kept))
  }

  /** Takes in what persons said since; whoever asked and would be told otherwise now is to be judged
   * again. */
  refresh(): void {
    const { store } = this.#parts
    let count = 0
    for (;;) {
      const rows = store?.follow("baseline-changes", this.#said, batch) ?? []
      for (const { seq, record } of rows) {
        this.#take(record)
        this.#said = seq
      }
      count += rows.length
      if (rows.length < batch) break
    }
    if (count === 0) return
    for (const [key, asking] of this.#asked) this.#askAgain(key, asking, Number.NEGATIVE_INFINITY)
  }

  /** The past is learned: the next start need not. */
  learnedPast(now: number): void {
    const { store } = this.#parts
    if (!store || !this.isNew) return
    const after = store.transaction(() => {
      store.saveCursor(learnedCursor, 1)
      return this.store(now)
    })
    after()
    this.isNew = false
  }

  /** As of a time, for a device. Who asks once is not told of what is learned later. */
  of(deviceId: string, now: number, asks: "from now on" | "once" = "from now on"): Baselines {
    return {
      standing: (question) => {
        const standing = this.#standing(question, now, deviceId)
        if (asks === "from now on") this.#ask(deviceId, { now, question, was: standing.is })
        return standing
      },
      before: (question) => {
        const pair = this.#get(question.app_id, question.destination)?.pair
        return pair ? pairBefore(pair, question, this.#rule, now) : null
      },
    }
  }

  /** Devices that were told otherwise than they would be now, each once. */
  toldOtherwise(): string[] {
    const devices = [...this.#late]
    this.#late.clear()
    return devices
  }

  /** To be called in the transaction that moves the cursor; returns what to do when it is committed.
   * `now`: the wall clock, for how often mere traffic is written. */
  store(now: number): () => void {
    const { store, config } = this.#parts
    if (!store) return () => this.#touched.clear()
    const full = this.#pairs.size > mostInMemory
    const due = new Set([...this.#touched, ...this.#waiting])
    const written = [...due].filter((key) => {
      const kept = this.#pairs.get(key)
      if (!kept) return false
      return full || kept.dirty === "known" || Math.abs(now - kept.written) >= trafficEvery
    })
    const pairs = written.flatMap((key) => this.#pairs.get(key)?.pair ?? [])
    store.putPairProfiles(
      pairs.map((pair) => ({ ...pairKey(pair), tenant: config.tenant, body: pair })),
    )
    return () => {
      for (const key of this.#touched) this.#waiting.add(key)
      for (const key of written) {
        this.#waiting.delete(key)
        const kept = this.#pairs.get(key)
        if (kept) Object.assign(kept, { dirty: "no", written: now })
      }
      this.#touched.clear()
      this.#forgetFirst()
    }
  }

  /** The connections since the last commit come again: what they changed is read anew. Traffic that
   * waited in these profiles is lost. */
  rollBack(): void {
    for (const key of this.#touched) {
      this.#pairs.delete(key)
      this.#waiting.delete(key)
    }
    this.#touched.clear()
  }

  /** Takes some of what is too old or too much out of the store; `now` in epoch milliseconds. */
  forgetStored(now: number): void {
    if (Math.abs(now - this.#forgottenAt) < forgetEvery) return
    this.#forgottenAt = now
    this.#parts.store?.forgetPairProfiles(now - keptUnseenMs, mostStored, 10_000)
  }

  get #rule(): LearningRule {
    return this.#parts.config.analytics.baseline
  }

  #standing(question: PairQuestion, at: number, but: string): PairStanding {
    const pair = this.#get(question.app_id, question.destination)?.pair ?? null
    return standingOf({
      ...question,
      pair,
      statements: this.#statements,
      rule: this.#rule,
      at,
      but,
    })
  }

  #note<Fact extends Attempt | Flow>(
    { fact, who }: Attributed<Fact>,
    fold: (pair: PairProfile, kept: KeptOfPair) => boolean,
  ): void {
    const { app_id } = who
    if (app_id === null || !tellsOfPair(who) || fact.tenant !== this.#parts.config.tenant) return
    const destination = destinationOf(fact)
    const key = nameOf(app_id, destination)
    const kept = this.#get(app_id, destination) ?? this.#make(key, app_id, destination)
    const at = Date.parse(fact.observed_at)
    const known = fold(kept.pair, this.#keptOf(app_id, at))
    this.#touched.add(key)
    if (kept.dirty !== "known") kept.dirty = known ? "known" : "traffic"
    const asking = known && this.#asked.get(key)
    if (asking) this.#askAgain(key, asking, at)
  }

  /** Made once where nothing is frozen: it is asked with every connection. */
  #keptOf(appId: string, at: number): KeptOfPair {
    const { analytics } = this.#parts.config
    const lateness = analytics.scope["allowed-lateness"]
    if (this.#statements.freezes)
      return keptOfPair(this.#rule, lateness, this.#statements.freezesSince(appId, at))
    if (this.#usual?.of !== analytics)
      this.#usual = { of: analytics, kept: keptOfPair(this.#rule, lateness, []) }
    return this.#usual.kept
  }

  /** Of those who asked for a time that something new is not after. */
  #askAgain(key: string, asking: Map<string, Asked>, at: number): void {
    for (const [device, { now, question, was }] of asking)
      if (at <= now && this.#standing(question, now, device).is !== was) {
        this.#late.add(device)
        asking.delete(device)
      }
    if (asking.size === 0) this.#asked.delete(key)
  }

  #ask(device: string, asked: Asked): void {
    const key = nameOf(asked.question.app_id, asked.question.destination)
    const asking = this.#asked.get(key) ?? new Map<string, Asked>()
    keepLast(asking, device, asked, mostAsking)
    keepLast(this.#asked, key, asking, mostAsked)
  }

  #get(appId: string, destination: string): Kept | null {
    const key = nameOf(appId, destination)
    const known = this.#pairs.get(key)
    if (known) {
      this.#pairs.delete(key)
      this.#pairs.set(key, known)
      return known
    }
    const { store, config } = this.#parts
    const body = store?.pairProfile(config.tenant, appId, destination) ?? null
    const stored = body === null ? null : PairProfile.safeParse(body)
    return stored?.success ? this.#keep(key, stored.data) : null
  }

  #make(key: string, appId: string, destination: string): Kept {
    return this.#keep(key, emptyPair(appId, destination))
  }

  #keep(key: string, pair: PairProfile): Kept {
    const kept: Kept = { pair, dirty: "no", written: Number.NEGATIVE_INFINITY }
    this.#pairs.set(key, kept)
    if (!this.#parts.store && this.#pairs.size > 10 * mostInMemory) dropFirst(this.#pairs)
    return kept
  }

  /** What is not written yet stays. */
  #forgetFirst(): void {
    for (const key of this.#pairs.keys()) {
      if (this.#pairs.size <= mostInMemory) return
      if (!this.#waiting.has(key)) this.#pairs.delete(key)
    }
  }

  #take(change: BaselineChange): void {
    if (change.tenant === this.#parts.config.tenant) this.#statements.add(change)
  }
}

function nameOf(appId: string, destination: string): string {
  return `${appId}|${destination}`
}

function pairKey({ app_id, destination, last_ms }: PairProfile) {
  return { app_id, destination, last_ms }
}

/** As the one touched last. */
function keepLast<Value>(map: Map<string, Value>, key: string, value: Value, most: number): void {
  map.delete(key)
  map.set(key, value)
  if (map.size > most) dropFirst(map)
}

function dropFirst(map: Map<string, unknown>): void {
  const [first] = map.keys()
  if (first !== undefined) map.delete(first)
}

/**
 * The evidence of one device, added to instead of read again. In: its attempts, flows and app events as they
 * come, in any order, and up to when to judge. Out: what `judgeDevice` says of the same evidence.
 *
 * It must not know the store, nor whose a connection is: where that changes backwards, the evidence of the
 * span is put in anew, or a new ledger made.
 */
import type { AppEvent } from "../record/app-event.ts"
import type { Attempt } from "../record/attempt.ts"
import type { Attributed, DeviceAbout, JudgementContext } from "../record/attributed.ts"
import type { Flow } from "../record/flow.ts"
import { type AppStory, appStories } from "./app-story.ts"
import { findInTime, insertInTime, removeInTime } from "./in-time.ts"
import { type DeviceJudgement, judgeScoped } from "./judge.ts"
import type { KeyEvidence } from "./key-evidence.ts"
import { LedgerCuts } from "./ledger-cuts.ts"
import { LedgerNetwork } from "./ledger-network.ts"
import { LedgerPlaces } from "./ledger-places.ts"
import { rank } from "./rank.ts"
import { isSameRecord } from "./same-record.ts"
import { entriesById, judgeKeys, type ScopedKey } from "./scope.ts"
import type { AnalyticsSettings } from "./settings.ts"
import type { Sighting, SightingMaker, Whose } from "./sighting.ts"

export interface LedgerSettings {
  analytics: AnalyticsSettings
  maker: SightingMaker
  /** Attempts and flows of the window that count, together; of more the newest. */
  mostRecords: number
  /** App events of the window that are looked at; of more the newest. */
  mostEvents: number
  /** How long before and after the window an app event may tell of a connection in it, in milliseconds. */
  eventsBefore: number
  eventsAfter: number
}

/** What a span of time holds. */
export interface Evidence {
  attempts: readonly Attributed<Attempt>[]
  flows: readonly Attributed<Flow>[]
}

interface Timed {
  id: string
  start: number
  end: number
  event: AppEvent
}

/** Owned state: bounded by `mostRecords` and `mostEvents`. */
export class DeviceLedger {
  readonly device_id: string
  readonly #settings: LedgerSettings
  /** Everything of the window, oldest first, and what is newer than what was judged last. */
  readonly #all: Sighting[] = []
  readonly #later: Sighting[] = []
  readonly #events: Timed[] = []
  readonly #cuts: LedgerCuts
  readonly #network: LedgerNetwork
  readonly #places: LedgerPlaces
  /** Judged keys that give no finding, until their evidence changes. */
  readonly #quiet = new WeakMap<KeyEvidence, ScopedKey>()
  #findings: ReadonlyMap<string, DeviceJudgement["findings"][number]> = new Map()
  #register: JudgementContext["register"] | null = null
  /** Of so many events, the oldest first. */
  #story: { events: number; of: (appId: string | null) => AppStory } | null = null
  #now = Number.NEGATIVE_INFINITY
  #overflowed = false

  constructor(device_id: string, settings: LedgerSettings) {
    this.device_id = device_id
    this.#settings = settings
    this.#cuts = new LedgerCuts()
    this.#network = new LedgerNetwork(settings.analytics.scope)
    this.#places = new LedgerPlaces(settings.analytics)
  }

  /** Records that are held: of a connection some 400 bytes, of an app event as many as four. */
  get size(): number {
    return this.#all.length + this.#later.length + 4 * this.#events.length
  }

  /** Up to when it was judged last, in epoch milliseconds of event time. */
  get now(): number {
    return this.#now
  }

  /** More than `mostRecords` were there: what is taken out now leaves a gap that older ones would fill. */
  get overflowed(): boolean {
    return this.#overflowed
  }

  attempt(attempt: Attributed<Attempt>): void {
    this.#take(this.#settings.maker.attempt(attempt))
  }

  flow(flow: Attributed<Flow>): void {
    this.#take(this.#settings.maker.flow(flow))
  }

  event(event: AppEvent): void {
    const start = Date.parse(event.observed_at)
    const timed = { id: event.id, start, end: start, event }
    if (findInTime(this.#events, timed)) return
    insertInTime(this.#events, timed)
    if (this.#events.length > this.#settings.mostEvents) this.#events.shift()
    this.#story = null
  }

  /** All that a span of time holds, half open, in place of what was known of it. */
  replace(from: number, to: number, { attempts, flows }: Evidence): void {
    const { maker } = this.#settings
    const seen = [
      ...attempts.map((each) => maker.attempt(each)),
      ...flows.map((each) => maker.flow(each)),
    ]
    const ids = new Set(seen.map(nameOf))
    for (const list of [this.#all, this.#later])
      for (const old of spanOf(list, from, to)) if (!ids.has(nameOf(old))) this.#remove(old)
    for (const each of seen) this.#take(each)
  }

  /** What the evidence up to `context.now` comes to; never earlier than before. */
  judge(
    about: Omit<DeviceAbout, "app_events" | "device_id">,
    context: JudgementContext,
  ): DeviceJudgement {
    const { analytics } = this.#settings
    this.#moveTo(context.now)
    this.#places.isOf(about.device)
    const weighed = this.#weigh(context)
    const device = { ...about, device_id: this.device_id, app_events: this.#eventsNow() }
    const keys = judgeKeys(weighed, device, context, analytics, this.#quiet)
    for (const key of keys) if (isQuiet(key.evidence)) this.#quiet.set(key.evidence, key)
    this.#story ??= { events: device.app_events.length, of: appStories(device.app_events) }
    const judged = judgeScoped(keys, device, context, this.#story.of)
    const findings = judged.findings.map((finding) => {
      const before = this.#findings.get(finding.id)
      return before && isSameRecord(before, finding) ? before : finding
    })
    this.#findings = new Map(findings.map((finding) => [finding.id, finding]))
    return { ...judged, findings }
  }

  #take(sighting: Sighting): void {
    const { window } = this.#settings.analytics.scope
    if (sighting.start > this.#now) {
      const known = findInTime(this.#later, sighting)
      if (known) removeInTime(this.#later, known)
      insertInTime(this.#later, sighting)
      return
    }
    if (sighting.start <= this.#now - window) return
    const known = findInTime(this.#all, sighting)
    if (known && isSameOwner(known.who, sighting.who) && isSameProof(known, sighting)) return
    if (known) this.#remove(known)
    this.#insert(sighting)
    if (this.#all.length > this.#settings.mostRecords) this.#dropOldest()
  }

  #insert(sighting: Sighting): void {
    this.#cuts.add(sighting)
    insertInTime(this.#all, sighting)
    this.#places.add(sighting)
    this.#network.add(sighting)
    if (isAttempt(sighting)) this.#places.index.accept(sighting)
  }

  #remove(sighting: Sighting): void {
    if (removeInTime(this.#later, sighting)) return
    if (!removeInTime(this.#all, sighting)) return
    if (isAttempt(sighting)) this.#places.index.forgetAccepted(sighting)
    this.#network.remove(sighting)
    this.#places.remove(sighting)
    this.#cuts.remove(sighting)
  }

  #dropOldest(): void {
    this.#overflowed = true
    const [oldest] = this.#all
    if (oldest) this.#remove(oldest)
  }

  #moveTo(now: number): void {
    const { scope } = this.#settings.analytics
    this.#now = now
    for (const sighting of this.#later.splice(0, rank(this.#later, now, startOf)))
      this.#take(sighting)
    for (const old of this.#all.slice(0, rank(this.#all, now - scope.window, startOf)))
      this.#remove(old)
    const before = now + 1 - scope.window - this.#settings.eventsBefore
    const gone = rank(this.#events, before - 1, startOf)
    if (gone > 0) this.#events.splice(0, gone)
    if (gone > 0 || this.#story?.events !== this.#eventCount()) this.#story = null
  }

  #weigh(context: JudgementContext) {
    for (const { sighting, cut } of this.#cuts.settle(this.#all)) {
      if (isAttempt(sighting)) this.#places.index.forgetAccepted(sighting)
      Object.assign(sighting, cut)
      if (isAttempt(sighting)) this.#places.index.accept(sighting)
      this.#places.touch(sighting.destination)
    }
    for (const destination of this.#network.settle()) this.#places.touch(destination)
    if (this.#register !== context.register) this.#places.registerChanged()
    this.#register = context.register
    const named = this.#places.weigh(this.#network.dropped, entriesById(context.register))
    return { named, index: this.#places.index }
  }

  #eventCount(): number {
    return rank(this.#events, this.#now + this.#settings.eventsAfter, startOf)
  }

  #eventsNow(): AppEvent[] {
    return this.#events.slice(0, this.#eventCount()).map(({ event }) => event)
  }
}

function isAttempt(sighting: Sighting): sighting is Sighting<Attempt> {
  return "outcome" in sighting.fact
}

/** What decides nothing but that our certificate was accepted, or nothing at all. */
function isQuiet({ refusals, flows }: KeyEvidence): boolean {
  return refusals.length === 0 && flows.length === 0
}

function spanOf(list: readonly Sighting[], from: number, to: number): Sighting[] {
  return list.slice(rank(list, from - 1, startOf), rank(list, to - 1, startOf))
}

function nameOf(sighting: Sighting): string {
  return `${isAttempt(sighting)} ${sighting.id}`
}

function isSameOwner(a: Whose, b: Whose): boolean {
  return (
    a === b ||
    (a.device_id === b.device_id &&
      a.device === b.device &&
      a.binding_id === b.binding_id &&
      a.profile === b.profile &&
      a.app === b.app &&
      a.app_id === b.app_id &&
      a.app_version === b.app_version &&
      a.app_signer === b.app_signer)
  )
}

/** A flow of a tap may turn out to be one of ours: then it is no control flow. */
function isSameProof(a: Sighting, b: Sighting): boolean {
  const isControl = ({ fact }: Sighting) => "control" in fact && fact.control
  return isControl(a) === isControl(b)
}

function startOf({ start }: { start: number }): number {
  return start
}

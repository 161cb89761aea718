/**
 * What a device showed beyond one key: who accepted our CA for which domains and when, and who refused
 * what. Built once per device and kept in step with its evidence, asked once per key.
 */
import type { Attempt } from "../record/attempt.ts"
import { byTime } from "./bucket.ts"
import { insertInTime, removeInTime } from "./in-time.ts"
import type { KeyEvidence } from "./key-evidence.ts"
import { isObserved, type Sighting } from "./sighting.ts"

/** A domain for which our CA was accepted, and the first acceptance. */
export interface Proof {
  domain: string
  id: string
}

/** Proofs by name of the domain, one for each. */
export type Domains = readonly Proof[]

/** An acceptance or a refusal at a registrable domain. */
export type Moment = Pick<Sighting, "id" | "start" | "end" | "registrable">

/** What one actor made of our CA under one stack: accepted (each domain's first, and every time) and
 * refused; both oldest first. */
export interface Conduct {
  readonly domains: Domains
  readonly accepted: readonly Moment[]
  readonly refused: readonly Moment[]
}

export interface AcceptanceIndex {
  /** By cut, app, version and stack; only observed sightings. */
  byApp: ReadonlyMap<string, Conduct>
  /** By cut, stack and program. */
  byProgram: ReadonlyMap<string, Conduct>
  /** By cut and stack. */
  byStack: ReadonlyMap<string, Conduct>
  /** Acceptances and refused destinations of the whole device, and of each stack, by epoch. */
  totals: ReadonlyMap<string, Total>
}

export interface Total {
  accepted: number
  /** Destinations, and how many keys refused each. */
  refused: ReadonlyMap<string, number>
}

export function appKey(cut: string, app: string, version: string | null, stack: string | null) {
  return `${cut}|${app}|${version ?? ""}|${stack ?? ""}`
}

export function stackKey(cut: string, stack: string | null, program = ""): string {
  return `${cut}|${stack ?? ""}|${program}`
}

export interface IndexInput {
  attempts: readonly Sighting<Attempt>[]
  keys: readonly KeyEvidence[]
  /** Leaves out what is expected to refuse everywhere (the vendor's own hosts). */
  countsAsRefused: (key: KeyEvidence) => boolean
  /** Leaves out domains that prove too little (the operator's own). */
  isProof: (domain: string) => boolean
}

export function acceptanceIndex(input: IndexInput): AcceptanceIndex {
  const index = new GrowingIndex(input.isProof)
  for (const attempt of input.attempts) index.accept(attempt)
  for (const key of input.keys) if (input.countsAsRefused(key)) index.refuse(key)
  return index
}

/** Owned state: the index of evidence that comes and goes one by one, in any order. What goes must be as it
 * was when it came. Bounded by the evidence. */
export class GrowingIndex implements AcceptanceIndex {
  readonly byApp = new Map<string, GrowingConduct>()
  readonly byProgram = new Map<string, GrowingConduct>()
  readonly byStack = new Map<string, GrowingConduct>()
  readonly totals = new Map<string, { accepted: number; refused: Map<string, number> }>()
  readonly #isProof: (domain: string) => boolean

  constructor(isProof: (domain: string) => boolean) {
    this.#isProof = remembered(isProof)
  }

  /** Passes over attempts that are no acceptance, here and below. */
  accept(attempt: Sighting<Attempt>): void {
    this.#countAccepted(attempt, 1)
    for (const [index, key] of this.#placesOf(attempt)) conductOf(index, key).accept(attempt)
  }

  /** The acceptance left the window, or is told otherwise. */
  forgetAccepted(attempt: Sighting<Attempt>): void {
    this.#countAccepted(attempt, -1)
    for (const [index, key] of this.#placesOf(attempt)) {
      const conduct = index.get(key)
      conduct?.forgetAccepted(attempt)
      if (conduct?.empty) index.delete(key)
    }
  }

  /** Refusals that count, also at a destination that the actor accepts at other times. `instead`: of the
   * key as it was before, so that of thousands only what is new has to be looked at. */
  refuse(key: KeyEvidence, instead: KeyEvidence | null = null): void {
    if (instead && !isAlike(key, instead)) {
      this.forgetRefused(instead)
      return this.refuse(key)
    }
    const before = instead?.refusals ?? []
    for (const refusal of without(before, key.refusals)) this.#forget(key, refusal)
    for (const refusal of without(key.refusals, before)) this.#add(key, refusal)
    this.#countRefused(key, 1)
    if (instead) this.#countRefused(instead, -1)
  }

  forgetRefused(key: KeyEvidence): void {
    for (const refusal of key.refusals) this.#forget(key, refusal)
    this.#countRefused(key, -1)
  }

  #add(key: KeyEvidence, refusal: Sighting<Attempt>): void {
    for (const [index, name] of this.#actorsOf(key, refusal))
      insertInTime(conductOf(index, name).refused, refusal)
  }

  #forget(key: KeyEvidence, refusal: Sighting<Attempt>): void {
    for (const [index, name] of this.#actorsOf(key, refusal)) {
      const conduct = index.get(name)
      if (conduct) removeInTime(conduct.refused, refusal)
      if (conduct?.empty) index.delete(name)
    }
  }

  #countAccepted({ cut, fact }: Sighting<Attempt>, by: 1 | -1): void {
    if (fact.outcome !== "accepted") return
    for (const name of [cut, stackKey(cut, fact.stack)]) {
      const total = this.#totalOf(name)
      total.accepted += by
      this.#drop(name, total)
    }
  }

  #countRefused({ cut, group, refusals }: KeyEvidence, by: 1 | -1): void {
    if (refusals.length === 0) return
    const stacks = new Set<string>()
    for (const { fact } of refusals) if (fact.stack !== null) stacks.add(fact.stack)
    for (const name of [cut, ...[...stacks].map((stack) => stackKey(cut, stack))]) {
      const total = this.#totalOf(name)
      const count = (total.refused.get(group.destination) ?? 0) + by
      if (count > 0) total.refused.set(group.destination, count)
      else total.refused.delete(group.destination)
      this.#drop(name, total)
    }
  }

  #totalOf(name: string): { accepted: number; refused: Map<string, number> } {
    const total = this.totals.get(name) ?? { accepted: 0, refused: new Map<string, number>() }
    this.totals.set(name, total)
    return total
  }

  #drop(name: string, { accepted, refused }: Total): void {
    if (accepted === 0 && refused.size === 0) this.totals.delete(name)
  }

  #placesOf(attempt: Sighting<Attempt>): [Growing, string][] {
    const { cut, who, fact, program } = attempt
    if (fact.outcome !== "accepted") return []
    if (!attempt.hasDomain || !this.#isProof(attempt.registrable)) return []
    const places: [Growing, string][] = [[this.byStack, stackKey(cut, fact.stack)]]
    if (isObserved(attempt) && who.app_id !== null)
      places.push([
        this.byApp,
        appKey(`${cut}|${who.profile}`, who.app_id, attempt.version, fact.stack),
      ])
    if (program !== null) places.push([this.byProgram, stackKey(cut, fact.stack, program)])
    return places
  }

  #actorsOf({ cut, group }: KeyEvidence, refusal: Sighting<Attempt>): [Growing, string][] {
    const { stack } = refusal.fact
    if (stack === null) return []
    const { kind, app_id, app_version, profile } = group.actor
    const places: [Growing, string][] = [[this.byStack, stackKey(cut, stack)]]
    if (refusal.program !== null)
      places.push([this.byProgram, stackKey(cut, stack, refusal.program)])
    if (kind === "app" && app_id !== null)
      places.push([this.byApp, appKey(`${cut}|${profile}`, app_id, app_version, stack)])
    return places
  }
}

type Growing = Map<string, GrowingConduct>

class GrowingConduct implements Conduct {
  readonly accepted: Moment[] = []
  readonly refused: Moment[] = []
  /** Domain -> its first acceptance. */
  readonly #first = new Map<string, Moment>()
  /** Made when asked for after a change. */
  #domains: Domains | null = null

  get domains(): Domains {
    this.#domains ??= [...this.#first]
      .map(([domain, { id }]) => ({ domain, id }))
      .sort((a, b) => (a.domain < b.domain ? -1 : 1))
    return this.#domains
  }

  get empty(): boolean {
    return this.accepted.length + this.refused.length === 0
  }

  accept(moment: Moment): void {
    insertInTime(this.accepted, moment)
    const first = this.#first.get(moment.registrable)
    if (first && byTime(first, moment) <= 0) return
    this.#first.set(moment.registrable, moment)
    this.#domains = null
  }

  forgetAccepted(moment: Moment): void {
    const { registrable, id } = moment
    removeInTime(this.accepted, moment)
    if (this.#first.get(registrable)?.id !== id) return
    const next = this.accepted.find((each) => each.registrable === registrable)
    if (next) this.#first.set(registrable, next)
    else this.#first.delete(registrable)
    this.#domains = null
  }
}

function conductOf(index: Growing, key: string): GrowingConduct {
  const conduct = index.get(key) ?? new GrowingConduct()
  index.set(key, conduct)
  return conduct
}

/** Whether the refusals of both stand under the same names. */
function isAlike(a: KeyEvidence, b: KeyEvidence): boolean {
  const [one, other] = [a.group.actor, b.group.actor]
  return (
    a.cut === b.cut &&
    one.kind === other.kind &&
    one.app_id === other.app_id &&
    one.app_version === other.app_version &&
    one.profile === other.profile
  )
}

/** Those of one list that are not in the other; both in the order of time. */
function without<Item extends Moment>(list: readonly Item[], other: readonly Item[]): Item[] {
  const left: Item[] = []
  let at = 0
  for (const item of list) {
    while (at < other.length && byTime(other[at] as Item, item) < 0) at += 1
    if (other[at] !== item) left.push(item)
  }
  return left
}

/** Domains whose answer is remembered; beyond it all are forgotten, and asked again. */
const mostAnswers = 20_000

/** Asks once for each domain. */
function remembered(ask: (domain: string) => boolean): (domain: string) => boolean {
  const answers = new Map<string, boolean>()
  return (domain) => {
    const known = answers.get(domain)
    if (known !== undefined) return known
    if (answers.size >= mostAnswers) answers.clear()
    const answer = ask(domain)
    answers.set(domain, answer)
    return answer
  }
}

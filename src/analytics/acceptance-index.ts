/**
 * What a device showed beyond one key: who accepted our CA for which domains and when, and who refused
 * what. Built once per device, asked once per key.
 */
import type { Attempt } from "../record/attempt.ts"
import { byTime } from "./bucket.ts"
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
  domains: Domains
  accepted: readonly Moment[]
  refused: readonly Moment[]
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
  refused: Set<string>
}

export function appKey(cut: string, app: string, version: string | null, stack: string | null) {
  return `${cut}|${app}|${version ?? ""}|${stack ?? ""}`
}

export function stackKey(cut: string, stack: string | null, program = ""): string {
  return `${cut}|${stack ?? ""}|${program}`
}

export interface IndexInput {
  /** Oldest first. */
  attempts: readonly Sighting<Attempt>[]
  keys: readonly KeyEvidence[]
  /** Leaves out what is expected to refuse everywhere (the vendor's own hosts). */
  countsAsRefused: (key: KeyEvidence) => boolean
  /** Leaves out domains that prove too little (the operator's own). */
  isProof: (domain: string) => boolean
}

export function acceptanceIndex(input: IndexInput): AcceptanceIndex {
  const building: Building = {
    byApp: new Map(),
    byProgram: new Map(),
    byStack: new Map(),
    totals: new Map(),
    isProof: remembered(input.isProof),
  }
  for (const attempt of input.attempts)
    if (attempt.fact.outcome === "accepted") addAcceptance(building, attempt)
  for (const key of input.keys) {
    if (key.refusals.length === 0 || !input.countsAsRefused(key)) continue
    const { cut } = key
    totalOf(building, cut).refused.add(key.group.destination)
    for (const refusal of key.refusals) addRefusal(building, key, refusal)
  }
  return {
    byApp: settled(building.byApp),
    byProgram: settled(building.byProgram),
    byStack: settled(building.byStack),
    totals: building.totals,
  }
}

interface GrowingConduct {
  /** Domain -> id of its first acceptance. */
  domains: Map<string, string>
  accepted: Moment[]
  refused: Moment[]
}
type Growing = Map<string, GrowingConduct>

interface Building {
  byApp: Growing
  byProgram: Growing
  byStack: Growing
  totals: Map<string, Total>
  isProof: (domain: string) => boolean
}

function addAcceptance(building: Building, attempt: Sighting<Attempt>): void {
  const { cut, who, fact, program } = attempt
  totalOf(building, cut).accepted += 1
  totalOf(building, stackKey(cut, fact.stack)).accepted += 1
  if (!attempt.hasDomain || !building.isProof(attempt.registrable)) return
  const accept = (index: Growing, key: string): void => {
    const conduct = conductOf(index, key)
    conduct.accepted.push(attempt)
    if (!conduct.domains.has(attempt.registrable))
      conduct.domains.set(attempt.registrable, attempt.id)
  }
  if (isObserved(attempt) && who.app_id !== null)
    accept(building.byApp, appKey(`${cut}|${who.profile}`, who.app_id, attempt.version, fact.stack))
  accept(building.byStack, stackKey(cut, fact.stack))
  if (program !== null) accept(building.byProgram, stackKey(cut, fact.stack, program))
}

/** A refusal that counts, also one at a destination that the actor accepts at other times. */
function addRefusal(building: Building, key: KeyEvidence, refusal: Sighting<Attempt>): void {
  const { cut, group } = key
  const { stack } = refusal.fact
  if (stack === null) return
  const { kind, app_id, app_version, profile } = group.actor
  totalOf(building, stackKey(cut, stack)).refused.add(group.destination)
  conductOf(building.byStack, stackKey(cut, stack)).refused.push(refusal)
  if (refusal.program !== null)
    conductOf(building.byProgram, stackKey(cut, stack, refusal.program)).refused.push(refusal)
  if (kind === "app" && app_id !== null)
    conductOf(building.byApp, appKey(`${cut}|${profile}`, app_id, app_version, stack)).refused.push(
      refusal,
    )
}

function conductOf(index: Growing, key: string): GrowingConduct {
  const conduct = index.get(key) ?? { domains: new Map(), accepted: [], refused: [] }
  index.set(key, conduct)
  return conduct
}

function settled(index: Growing): Map<string, Conduct> {
  return new Map(
    [...index].map(([key, { domains, accepted, refused }]) => [
      key,
      {
        domains: [...domains]
          .map(([domain, id]) => ({ domain, id }))
          .sort((a, b) => (a.domain < b.domain ? -1 : 1)),
        accepted,
        refused: refused.sort(byTime),
      },
    ]),
  )
}

function totalOf({ totals }: Building, key: string): Total {
  const total = totals.get(key) ?? { accepted: 0, refused: new Set<string>() }
  totals.set(key, total)
  return total
}

/** Asks once for each domain. */
function remembered(ask: (domain: string) => boolean): (domain: string) => boolean {
  const answers = new Map<string, boolean>()
  return (domain) => {
    const answer = answers.get(domain) ?? ask(domain)
    answers.set(domain, answer)
    return answer
  }
}

/**
 * What a device showed beyond one key: who accepted our CA for which domains, and who refused how
 * many destinations. Built once per device, asked once per key.
 */
import type { Attempt } from "../record/attempt.ts"
import type { KeyEvidence } from "./key-evidence.ts"
import { isObserved, type Sighting } from "./sighting.ts"

/** A domain for which our CA was accepted, and the first acceptance. */
export interface Proof {
  domain: string
  id: string
}

/** Proofs by name of the domain, one for each. */
export type Domains = readonly Proof[]

export interface AcceptanceIndex {
  /** By cut, app, version and stack; only observed sightings. */
  byApp: ReadonlyMap<string, Domains>
  /** By cut, stack and program. */
  byProgram: ReadonlyMap<string, Domains>
  /** By cut and stack. */
  byStack: ReadonlyMap<string, Domains>
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
    for (const stack of new Set(key.refusals.map((refusal) => refusal.fact.stack)))
      if (stack !== null) totalOf(building, stackKey(cut, stack)).refused.add(key.group.destination)
  }
  return {
    byApp: sorted(building.byApp),
    byProgram: sorted(building.byProgram),
    byStack: sorted(building.byStack),
    totals: building.totals,
  }
}

/** Key -> domain -> id of the first acceptance. */
type Growing = Map<string, Map<string, string>>

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
  if (isObserved(attempt) && who.app_id !== null) {
    const key = appKey(`${cut}|${who.profile}`, who.app_id, attempt.version, fact.stack)
    addDomain(building.byApp, key, attempt)
  }
  addDomain(building.byStack, stackKey(cut, fact.stack), attempt)
  if (program !== null) addDomain(building.byProgram, stackKey(cut, fact.stack, program), attempt)
}

function addDomain(index: Growing, key: string, attempt: Sighting<Attempt>): void {
  const domains = index.get(key) ?? new Map<string, string>()
  index.set(key, domains)
  if (!domains.has(attempt.registrable)) domains.set(attempt.registrable, attempt.id)
}

function sorted(index: Growing): Map<string, Domains> {
  return new Map(
    [...index].map(([key, domains]) => [
      key,
      [...domains]
        .map(([domain, id]) => ({ domain, id }))
        .sort((a, b) => (a.domain < b.domain ? -1 : 1)),
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

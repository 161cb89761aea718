/**
 * What a device showed beyond one key: who accepted our CA for which domains, and who refused how
 * many destinations. Built once per device, asked once per key.
 */
import type { Attempt } from "../record/attempt.ts"
import { isObserved } from "./actor.ts"
import { cutKey } from "./epoch.ts"
import type { KeyEvidence } from "./key-evidence.ts"
import type { Sighting } from "./sighting.ts"

/** Acceptances by registrable domain; ids oldest first. */
export type Domains = Map<string, string[]>

export interface AcceptanceIndex {
  /** By cut, app, version and stack; only observed sightings. */
  byApp: Map<string, Domains>
  /** By cut, stack and program. */
  byProgram: Map<string, Domains>
  /** By cut and stack. */
  byStack: Map<string, Domains>
  /** Acceptances and refused destinations of the whole device, and of each stack, by epoch. */
  totals: Map<string, Total>
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

/**
 * `countsAsRefused` leaves out what is expected to refuse everywhere (the vendor's own hosts).
 * Acceptances of attempts with another outcome than `accepted` prove nothing and are not here.
 */
export function acceptanceIndex(
  attempts: readonly Sighting<Attempt>[],
  keys: readonly KeyEvidence[],
  countsAsRefused: (key: KeyEvidence) => boolean,
): AcceptanceIndex {
  const index: AcceptanceIndex = {
    byApp: new Map(),
    byProgram: new Map(),
    byStack: new Map(),
    totals: new Map(),
  }
  for (const attempt of attempts)
    if (attempt.fact.outcome === "accepted") addAcceptance(index, attempt)
  for (const key of keys) {
    if (key.refusals.length === 0 || !countsAsRefused(key)) continue
    const cut = cutKey(key.epoch, key.device)
    totalOf(index, cut).refused.add(key.group.destination)
    for (const stack of new Set(key.refusals.map((refusal) => refusal.fact.stack)))
      if (stack !== null) totalOf(index, stackKey(cut, stack)).refused.add(key.group.destination)
  }
  return index
}

function addAcceptance(index: AcceptanceIndex, attempt: Sighting<Attempt>): void {
  const { epoch, who, fact, program } = attempt
  const cut = cutKey(epoch, who.device)
  totalOf(index, cut).accepted += 1
  totalOf(index, stackKey(cut, fact.stack)).accepted += 1
  if (!attempt.hasDomain) return
  if (isObserved(attempt) && who.app_id !== null)
    addDomain(
      index.byApp,
      appKey(`${cut}|${who.profile}`, who.app_id, who.app_version, fact.stack),
      attempt,
    )
  addDomain(index.byStack, stackKey(cut, fact.stack), attempt)
  if (program !== null) addDomain(index.byProgram, stackKey(cut, fact.stack, program), attempt)
}

function addDomain(index: Map<string, Domains>, key: string, attempt: Sighting<Attempt>): void {
  const domains = index.get(key) ?? new Map<string, string[]>()
  index.set(key, domains)
  const ids = domains.get(attempt.registrable)
  if (ids) ids.push(attempt.id)
  else domains.set(attempt.registrable, [attempt.id])
}

function totalOf(index: AcceptanceIndex, key: string): Total {
  const total = index.totals.get(key) ?? { accepted: 0, refused: new Set<string>() }
  index.totals.set(key, total)
  return total
}

/**
 * The findings of one incident, kept in the orders in which it is told: a finding that changes costs its place in
 * them, not a look at all the others. In: findings one by one. Out: what the incident is to say of them.
 */
import { type Finding, isMalicious, isSilenced } from "../record/finding.ts"
import type { Incident } from "../record/incident.ts"
import { isSurer } from "./confidence.ts"
import { alertLevel } from "./labels.ts"
import { severer } from "./severity.ts"

/** At most so many devices and findings are listed; all are counted. */
const LISTED = 100

type Level = Pick<Incident, "confidence" | "severity">

export interface ToldFindings extends Level {
  lead: Finding
  open: boolean
  device_count: number
  device_ids: string[]
  finding_ids: string[]
  first_seen: string
  last_seen: string
}

/** Owned state: the findings that its holder remembers, three places in lists each. */
export class IncidentFindings {
  /** Those that count, those that a label silences, and closed ones: the first that are not empty are told. */
  readonly #counted = new Ranked()
  readonly #silenced = new Ranked()
  readonly #closed = new Ranked()
  /** The latest `last_seen`, and whether it has to be looked for. */
  #last = ""
  #lastLeft = false

  get empty(): boolean {
    return [this.#counted, this.#silenced, this.#closed].every(({ byAge }) => byAge.length === 0)
  }

  add(finding: Finding): void {
    this.#listOf(finding).add(finding)
    if (finding.last_seen < this.#last) return
    this.#last = finding.last_seen
    this.#lastLeft = false
  }

  /** As it was when it was added. */
  remove(finding: Finding): void {
    this.#listOf(finding).remove(finding)
    if (finding.last_seen === this.#last) this.#lastLeft = true
  }

  /** Null without any finding. */
  told(): ToldFindings | null {
    const all = [this.#counted, this.#silenced, this.#closed]
    const told = all.find(({ byAge }) => byAge.length > 0)
    const lead = told?.byLead[0]
    if (!told || !lead) return null
    const oldest = all.flatMap(({ byAge }) => byAge[0]?.first_seen ?? [])
    const listed = told === this.#counted ? this.#silenced.byAge.slice(0, LISTED) : []
    return {
      ...levelOf(lead, told.byAge),
      lead,
      open: told === this.#counted,
      device_count: told.devices.size,
      device_ids: told.oldestDevices(),
      finding_ids: [...told.byAge.slice(0, LISTED), ...listed].slice(0, LISTED).map(({ id }) => id),
      first_seen: oldest.reduce((least, each) => (each < least ? each : least)),
      last_seen: this.#lastSeen(),
    }
  }

  #listOf(finding: Finding): Ranked {
    if (finding.state === "closed") return this.#closed
    return isSilenced(finding) ? this.#silenced : this.#counted
  }

  #lastSeen(): string {
    if (!this.#lastLeft) return this.#last
    this.#last = ""
    for (const { byAge } of [this.#counted, this.#silenced, this.#closed])
      for (const { last_seen } of byAge) if (last_seen > this.#last) this.#last = last_seen
    this.#lastLeft = false
    return this.#last
  }
}

/** Findings oldest first, and those that would lead first; and how many there are of each device. */
class Ranked {
  readonly byAge: Finding[] = []
  readonly byLead: Finding[] = []
  readonly devices = new Map<string, number>()

  add(finding: Finding): void {
    const { device_id } = finding.key
    this.byAge.splice(placeOf(this.byAge, finding, oldestFirst), 0, finding)
    this.byLead.splice(placeOf(this.byLead, finding, leadFirst), 0, finding)
    this.devices.set(device_id, (this.devices.get(device_id) ?? 0) + 1)
  }

  remove(finding: Finding): void {
    const { device_id } = finding.key
    this.byAge.splice(placeOf(this.byAge, finding, oldestFirst), 1)
    this.byLead.splice(placeOf(this.byLead, finding, leadFirst), 1)
    const left = (this.devices.get(device_id) ?? 1) - 1
    if (left > 0) this.devices.set(device_id, left)
    else this.devices.delete(device_id)
  }

  oldestDevices(): string[] {
    const oldest = new Set<string>()
    for (const { key } of this.byAge) {
      oldest.add(key.device_id)
      if (oldest.size === Math.min(LISTED, this.devices.size)) break
    }
    return [...oldest]
  }
}

function placeOf(
  list: readonly Finding[],
  finding: Finding,
  order: (a: Finding, b: Finding) => number,
): number {
  let low = 0
  let high = list.length
  while (low < high) {
    const middle = (low + high) >> 1
    if (order(list[middle] as Finding, finding) < 0) low = middle + 1
    else high = middle
  }
  return low
}

/** That of the lead; what a person calls malicious makes it severer and no less sure. */
function levelOf(lead: Finding, told: readonly Finding[]): Level {
  const own = alertLevel(lead) ?? lead
  const { confidence, severity } = own
  if (!isMalicious(lead)) return { confidence, severity }
  const levels = told.map((finding) => alertLevel(finding) ?? finding)
  return {
    confidence: levels.reduce(
      (most, each) => (isSurer(each.confidence, most.confidence) ? each : most),
      own,
    ).confidence,
    severity: levels.reduce((most, each) => severer(most, each.severity), own.severity),
  }
}

/** What a person calls malicious leads, then what is not expected: a repackaged app must not hide behind the
 * surer finding of the real one, which is allowed. Then the surest; among these one that became different under
 * a label, then the earliest. */
function leadFirst(a: Finding, b: Finding): number {
  if (isMalicious(a) !== isMalicious(b)) return isMalicious(a) ? -1 : 1
  if (a.expected !== b.expected) return a.expected ? 1 : -1
  const [one, other] = [alertLevel(a) ?? a, alertLevel(b) ?? b]
  if (one.confidence !== other.confidence) return isSurer(one.confidence, other.confidence) ? -1 : 1
  const [was, is] = [a, b].map(({ label }) => label?.standing === "reopened")
  if (was !== is) return was ? -1 : 1
  return oldestFirst(a, b)
}

function oldestFirst(a: Finding, b: Finding): number {
  if (a.first_seen !== b.first_seen) return a.first_seen < b.first_seen ? -1 : 1
  return a.id < b.id ? -1 : a.id > b.id ? 1 : 0
}

/**
 * The judgements in force: findings by device and by incident, read from the store at start and kept in
 * step with what is written; the incidents themselves are few at a time, and read where they are needed.
 */
import { IncidentFindings } from "../../analytics/incident-findings.ts"
import {
  type IncidentWriter,
  incidentId,
  incidentOf,
  type RolledUp,
} from "../../analytics/incidents.ts"
import { isSameRecord } from "../../analytics/same-record.ts"
import type { Store } from "../../evidence/store.ts"
import type { Finding } from "../../record/finding.ts"

/**
 * Findings kept in memory. One with a handful of refusals takes 2.3 KiB with its places in the lists, one that
 * names the most records that it may (1,000) some 50 KiB. Beyond it closed ones go, oldest first, then those
 * of confidence `record`: a device that disappears leaves them open for good, and with addresses that
 * change daily such devices never end. A forgotten one that is found again is simply written anew.
 */
const mostFindings = 100_000

export class JudgedMemory {
  readonly #store: Store
  readonly #most: number
  readonly #findings = new Map<string, Finding>()
  readonly #byDevice = new Map<string, Set<string>>()
  readonly #byIncident = new Map<string, IncidentFindings>()
  #forgetAt: number

  constructor(store: Store, most = mostFindings) {
    this.#store = store
    this.#most = most
    this.#forgetAt = most + slackOf(most)
    for (const finding of store.all("findings")) {
      this.#put(finding)
      this.#forget()
    }
  }

  /** Findings that are remembered. */
  get size(): number {
    return this.#findings.size
  }

  get(id: string): Finding | null {
    return this.#findings.get(id) ?? null
  }

  /** What is stored while it is read may be among them or not. */
  all(): IterableIterator<Finding> {
    return this.#findings.values()
  }

  findingsOf(deviceId: string): Finding[] {
    return this.#pick(this.#byDevice.get(deviceId))
  }

  /** Open findings of one analytic. */
  openOf(analytic: Finding["analytic"]): Finding[] {
    return [...this.#findings.values()].filter(
      (finding) => finding.analytic === analytic && finding.state !== "closed",
    )
  }

  /** These incidents as they will be with findings that have just changed. */
  rollUp(
    changed: readonly Finding[],
    incidents: ReadonlySet<string>,
    writer: IncidentWriter,
  ): RolledUp[] {
    const before = changed.map((finding) => this.#swap(finding.id, finding))
    try {
      return [...incidents].sort().flatMap((id) => {
        const findings = this.#byIncident.get(id)
        if (!findings) return []
        return incidentOf(id, findings, this.#store.get("incidents", id), writer) ?? []
      })
    } finally {
      for (const [index, { id }] of [...changed.entries()].reverse())
        this.#swap(id, before[index] ?? null)
    }
  }

  /** After the commit. */
  keep(findings: readonly Finding[]): void {
    for (const finding of findings) this.#put(finding)
    this.#forget()
  }

  /** Whether what is to be stored differs from what is. */
  isNew(finding: Finding): boolean {
    return !isSameRecord(this.#findings.get(finding.id), finding)
  }

  #pick(ids: ReadonlySet<string> | undefined): Finding[] {
    return [...(ids ?? [])].flatMap((id) => this.#findings.get(id) ?? [])
  }

  #put(finding: Finding): void {
    this.#swap(finding.id, finding)
  }

  /** Puts a finding in the place of what had its id; gives that back. */
  #swap(id: string, finding: Finding | null): Finding | null {
    const before = this.#findings.get(id) ?? null
    if (before) this.#unlist(before)
    if (finding === null) {
      this.#findings.delete(id)
      return before
    }
    this.#findings.set(id, finding)
    list(this.#byDevice, finding.key.device_id, id)
    const incident = incidentId(finding)
    const findings = this.#byIncident.get(incident) ?? new IncidentFindings()
    this.#byIncident.set(incident, findings)
    findings.add(finding)
    return before
  }

  #unlist(finding: Finding): void {
    unlist(this.#byDevice, finding.key.device_id, finding.id)
    const incident = incidentId(finding)
    const findings = this.#byIncident.get(incident)
    findings?.remove(finding)
    if (findings?.empty) this.#byIncident.delete(incident)
  }

  /** Some more than there is room for before it is looked for them again: open ones above `record`
   * are never forgotten, because somebody may have been told of them, and there may be that many. */
  #forget(): void {
    if (this.#findings.size < this.#forgetAt) return
    this.#forgetThose(({ state }) => state === "closed")
    this.#forgetThose(({ confidence }) => confidence === "record")
    this.#forgetAt = Math.max(this.#most, this.#findings.size) + slackOf(this.#most)
  }

  #forgetThose(may: (finding: Finding) => boolean): void {
    for (const finding of this.#findings.values()) {
      if (this.#findings.size <= this.#most) return
      if (!may(finding)) continue
      this.#findings.delete(finding.id)
      this.#unlist(finding)
    }
  }
}

function slackOf(most: number): number {
  return Math.ceil(most / 100)
}

function list(lists: Map<string, Set<string>>, key: string, id: string): void {
  const known = lists.get(key)
  if (known) known.add(id)
  else lists.set(key, new Set([id]))
}

function unlist(lists: Map<string, Set<string>>, key: string, id: string): void {
  const known = lists.get(key)
  known?.delete(id)
  if (known?.size === 0) lists.delete(key)
}

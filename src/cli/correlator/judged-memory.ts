/**
 * The judgements in force, read from the store at start and kept in step with what is written:
 * findings by device and by incident, and the incidents.
 */
import { incidentId } from "../../analytics/incidents.ts"
import type { Store } from "../../evidence/store.ts"
import type { Finding } from "../../record/finding.ts"
import type { Incident } from "../../record/incident.ts"

/** Findings kept in memory, some 4 KiB each; beyond it closed ones go, oldest first, and one that
 * opens again is simply written anew. */
const most = 100_000

export class JudgedMemory {
  readonly #findings = new Map<string, Finding>()
  readonly #byDevice = new Map<string, Set<string>>()
  readonly #byIncident = new Map<string, Set<string>>()
  readonly #incidents = new Map<string, Incident>()
  #forgetAt = most + 1_000

  constructor(store: Store) {
    for (const finding of store.all("findings")) {
      this.#put(finding)
      this.#forgetClosed()
    }
    for (const incident of store.all("incidents")) this.#incidents.set(incident.id, incident)
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

  withChanged(changed: readonly Finding[], incidents: ReadonlySet<string>): Finding[] {
    const all = new Map<string, Finding>()
    for (const id of incidents)
      for (const finding of this.#pick(this.#byIncident.get(id))) all.set(finding.id, finding)
    for (const finding of changed) all.set(finding.id, finding)
    return [...all.values()]
  }

  incidents(ids: ReadonlySet<string>): Incident[] {
    return [...ids].flatMap((id) => this.#incidents.get(id) ?? [])
  }

  /** After the commit. */
  keep(findings: readonly Finding[], incidents: readonly Incident[]): void {
    for (const finding of findings) this.#put(finding)
    for (const incident of incidents) this.#incidents.set(incident.id, incident)
    this.#forgetClosed()
  }

  /** Whether what is to be stored differs from what is. */
  isNew(finding: Finding): boolean {
    return JSON.stringify(this.#findings.get(finding.id)) !== JSON.stringify(finding)
  }

  isNewIncident(incident: Incident): boolean {
    return JSON.stringify(this.#incidents.get(incident.id)) !== JSON.stringify(incident)
  }

  #pick(ids: ReadonlySet<string> | undefined): Finding[] {
    return [...(ids ?? [])].flatMap((id) => this.#findings.get(id) ?? [])
  }

  #put(finding: Finding): void {
    const before = this.#findings.get(finding.id)
    if (before) this.#unlist(before)
    this.#findings.set(finding.id, finding)
    list(this.#byDevice, finding.key.device_id, finding.id)
    list(this.#byIncident, incidentId(finding), finding.id)
  }

  #unlist(finding: Finding): void {
    unlist(this.#byDevice, finding.key.device_id, finding.id)
    unlist(this.#byIncident, incidentId(finding), finding.id)
  }

  /** A thousand more than there is room for before it is looked for closed ones again: open ones
   * are never forgotten, and there may be that many. */
  #forgetClosed(): void {
    if (this.#findings.size < this.#forgetAt) return
    for (const finding of this.#findings.values()) {
      if (this.#findings.size <= most) break
      if (finding.state !== "closed") continue
      this.#findings.delete(finding.id)
      this.#unlist(finding)
    }
    this.#forgetAt = Math.max(most, this.#findings.size) + 1_000
  }
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

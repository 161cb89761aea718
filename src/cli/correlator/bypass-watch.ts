/**
 * Watches what flows through bypasses while they hold. In: flows as they come. Out: drifts, and the
 * profiles of bypasses, stored in the commit that moves the cursor over the flows: after a crash the
 * same flows come again to the profiles as they were before them.
 */
import { createHash } from "node:crypto"
import type { Config } from "../../config.ts"
import type { Store } from "../../evidence/store.ts"
import type { Log } from "../../intercept/log.ts"
import { type Drifted, newDrifts, withTold } from "../../policy/register/bypass-drift.ts"
import {
  BypassProfile,
  bypassOfFlow,
  emptyProfile,
  foldFlow,
} from "../../policy/register/bypass-profile.ts"
import type { Attributed, LookUp } from "../../record/attributed.ts"
import type { Drift } from "../../record/drift.ts"
import type { Flow } from "../../record/flow.ts"

/** Profiles kept between commits, at most some 20 KB each, and as many answers about drifts; the one
 * untouched longest goes, and is read again with its next flow. */
const mostKept = 500

export interface BypassWatchParts {
  store: Store
  config: Pick<Config, "tenant" | "site" | "sensor-id">
  log: Log
  clock: () => number
}

export class BypassWatch implements LookUp<Drift[]> {
  readonly #parts: BypassWatchParts
  readonly #profiles = new Map<string, BypassProfile>()
  /** Flows of the news that are in no profile yet. */
  #waiting: Attributed<Flow>[] = []
  /** Bypasses with flows since the last commit, at most one for each flow of the news. */
  readonly #touched = new Set<string>()
  /** Those of them that are not in the register: taken out, and nobody's to watch. */
  readonly #absent = new Set<string>()
  readonly #drifts = new Map<string, Drift[]>()

  constructor(parts: BypassWatchParts) {
    this.#parts = parts
  }

  /** The store is not asked here: its trouble must not be taken for a fault of the record. */
  note(flow: Attributed<Flow>): void {
    if (bypassOfFlow(flow.fact) !== null) this.#waiting.push(flow)
  }

  /** The drifts of a bypass, those of the news among them, oldest first. */
  get(entryId: string): Drift[] {
    this.#fold()
    let known = this.#drifts.get(entryId)
    if (!known) {
      known = this.#parts.store.driftsOf([entryId])
      this.#drifts.set(entryId, known)
      if (this.#drifts.size > mostKept) forgetFirst(this.#drifts)
    }
    const profile = this.#touched.has(entryId) && this.#profiles.get(entryId)
    if (!profile) return known
    return [...known, ...newDrifts(profile).map((one) => this.#record(entryId, one))]
  }

  /** To be called in the transaction that moves the cursor over the flows; returns what to do when it
   * has been committed. */
  store(): () => void {
    this.#fold()
    const { store, clock, log } = this.#parts
    const after = [...this.#touched].flatMap((id) => {
      const before = this.#profiles.get(id)
      if (!before) return []
      const found = newDrifts(before)
      const profile = found.length > 0 ? withTold(before, found) : before
      store.putBypassProfile(id, profile, clock())
      return [{ id, profile, drifts: found.map((one) => this.#record(id, one)) }]
    })
    const drifts = after.flatMap((one) => one.drifts)
    if (drifts.length > 0) store.append("drifts", drifts)
    return () => {
      for (const { id, profile, drifts } of after) this.#keep(id, profile, drifts)
      this.#touched.clear()
      this.#absent.clear()
      while (this.#profiles.size > mostKept) forgetFirst(this.#profiles)
      for (const { entry_id, sign, was, now, device_id } of drifts)
        log("warn", "bypass-drift", { entry_id, sign, was, now, device_id })
    }
  }

  /** The flows since the last commit come again. */
  rollBack(): void {
    this.#waiting = []
    for (const id of this.#touched) this.#profiles.delete(id)
    this.#touched.clear()
    this.#absent.clear()
  }

  #fold(): void {
    const flows = this.#waiting
    const ids = new Set(flows.flatMap(({ fact }) => bypassOfFlow(fact) ?? []))
    for (const id of ids) if (!this.#profiles.has(id) && !this.#absent.has(id)) this.#load(id)
    this.#waiting = []
    for (const { fact, who } of flows) {
      const id = bypassOfFlow(fact) ?? ""
      const profile = this.#profiles.get(id)
      if (!profile) continue
      this.#touched.add(id)
      foldFlow(profile, fact, who.device === "bound" ? who.device_id : null)
    }
  }

  #keep(id: string, profile: BypassProfile, drifts: readonly Drift[]): void {
    this.#profiles.delete(id)
    this.#profiles.set(id, profile)
    const known = this.#drifts.get(id)
    if (known && drifts.length > 0) this.#drifts.set(id, [...known, ...drifts])
  }

  #load(id: string): void {
    const { store, log } = this.#parts
    if (store.get("register", id) === null) {
      this.#absent.add(id)
      return
    }
    const stored = store.bypassProfile(id)
    const parsed = BypassProfile.safeParse(stored)
    if (stored !== null && !parsed.success)
      log("warn", "bypass-profile-unusable", { entry_id: id, reason: parsed.error.message })
    this.#profiles.set(id, parsed.success ? parsed.data : emptyProfile())
  }

  #record(entryId: string, { sign, thing, was, now, at, device_id, flows }: Drifted): Drift {
    const { tenant, site, "sensor-id": sensor_id } = this.#parts.config
    const name = JSON.stringify([tenant, entryId, thing])
    return {
      tenant,
      site,
      sensor_id,
      v: 1,
      id: createHash("sha256").update(name).digest("hex").slice(0, 32),
      observed_at: new Date(at).toISOString(),
      entry_id: entryId,
      sign,
      was,
      now,
      device_id,
      evidence_ids: flows,
    }
  }
}

function forgetFirst(memory: Pick<Map<string, unknown>, "keys" | "delete">): void {
  const [first] = memory.keys()
  if (first !== undefined) memory.delete(first)
}

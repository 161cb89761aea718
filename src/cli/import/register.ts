/**
 * Register entries from elsewhere. An entry opens traffic, so not everything is taken as it stands:
 * trials belong to the correlator that armed them, declared bypasses to the configuration, and
 * nothing comes in from another tenant.
 */
import type { Store } from "../../evidence/store.ts"
import type { RegisterEntry } from "../../record/register-entry.ts"
import type { Problem } from "./problem.ts"

export interface RegisterImport {
  what: "added" | "known" | "updated" | "conflicts" | "bad"
  /** For the operator: what was not taken, or not as it stood. */
  tell: Problem | null
}

export interface RegisterImporter {
  store: Store
  /** Whom this sensor serves. */
  tenant: string
  /** `import (user@host)`. */
  who: string
  /** Epoch milliseconds. */
  now: number
}

/** To be called in a transaction. */
export function importEntry(
  { store, tenant, who, now }: RegisterImporter,
  entry: RegisterEntry,
): RegisterImport {
  if (entry.tenant !== tenant) return { what: "bad", tell: ofAnotherTenant(entry, tenant) }
  const stored = store.get("register", entry.id)
  if (stored === null) {
    const taken = endedTrial(entry, now)
    store.putRegister([taken], who, now)
    return { what: "added", tell: taken === entry ? null : trialEnded(entry) }
  }
  const owned = ownedHere(stored, entry)
  if (owned !== null) {
    const taken = [entry, endedTrial(entry, now)]
    const same = taken.some((one) => differences(stored, one).length === 0)
    return same ? { what: "known", tell: null } : { what: "conflicts", tell: owned }
  }
  const put = store.putRegister([entry], who, now, {
    what: "changed",
    reason: `imported: ${entry.reason}`,
  })
  if (put.changed === 0) return { what: "known", tell: null }
  const text = `${entry.id} was here with another ${differences(stored, entry).join(", ")} and is replaced; \`pinsensor bypass show ${entry.id}\` has both`
  return { what: "updated", tell: { field: "id", text } }
}

/** A trial that has not ended is brought in as if it had ended when its state last changed: it was
 * armed for evidence and under caps of another sensor. */
function endedTrial(entry: RegisterEntry, now: number): RegisterEntry {
  const { kind, trial, expires_at } = entry
  const over = expires_at !== null && Date.parse(expires_at) <= now
  if (kind !== "trial" || trial === null || over) return entry
  const ended = Math.min(Date.parse(trial.since), now)
  return {
    ...entry,
    expires_at: new Date(ended).toISOString(),
    trial: { ...trial, state: "cooling" },
  }
}

function ownedHere(stored: RegisterEntry, entry: RegisterEntry): Problem | null {
  if (stored.kind === "trial" || entry.kind === "trial") {
    const text = `${entry.id} is a trial that this sensor has; trials change by what is seen only, so it stays as it is`
    return { field: "id", text }
  }
  if (stored.source === "register" && entry.source === "register") return null
  const text = `${entry.id} is declared by this sensor's own configuration, which is what counts here; change it there`
  return { field: "id", text }
}

function ofAnotherTenant({ tenant: other }: RegisterEntry, tenant: string): Problem {
  const text = `${other} is another tenant than the one of this sensor (${tenant}), and a bypass never crosses; set \`tenant\` in the configuration, or leave the entry out`
  return { field: "tenant", text }
}

function trialEnded({ id }: RegisterEntry): Problem {
  const text = `${id} is a trial that had not ended; it is brought in as ended, since a trial splices only where it was armed`
  return { field: "trial", text }
}

/** Fields that differ, but for the use of the entry, which is counted here. */
function differences(one: RegisterEntry, other: RegisterEntry): string[] {
  const names = Object.keys(one) as (keyof RegisterEntry)[]
  const counted: readonly string[] = ["hits", "bytes", "last_hit_at"]
  return names.filter(
    (name) => !counted.includes(name) && JSON.stringify(one[name]) !== JSON.stringify(other[name]),
  )
}

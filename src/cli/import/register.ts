/**
 * Register entries from elsewhere. An entry opens traffic, so not everything is taken as it stands:
 * trials belong to the correlator that armed them, declared bypasses to the configuration, nothing
 * comes in from another tenant, and nothing that `bypass add` would never open.
 */
import type { Store } from "../../evidence/store.ts"
import { hasEnded } from "../../policy/register/register-health.ts"
import { scopeConditions } from "../../policy/register/register-index.ts"
import { widthOf } from "../../policy/register/scope-width.ts"
import type { Problem } from "../../record/problem.ts"
import type { RegisterEntry } from "../../record/register-entry.ts"
import { longestBypass } from "../bypass/end-time.ts"
import { refuseTooWide } from "../bypass/scope-flags.ts"

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
  if (entry.source === "register" && ofConfiguration.test(entry.id))
    return { what: "bad", tell: reservedId(entry) }
  const never = neverOpened(entry, now)
  if (never !== null) return { what: "bad", tell: { field: "scope", text: never } }
  const stored = store.get("register", entry.id)
  if (stored === null) {
    const taken = asEnded(entry, now)
    store.putRegister([taken], who, now)
    return { what: "added", tell: taken === entry ? opensMuch(entry, now) : cameEnded(entry) }
  }
  const owned = ownedHere(stored, entry)
  if (owned !== null) {
    const taken = [entry, asEnded(entry, now)]
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
 * armed for evidence and under caps of another sensor. What another configuration declares ended for
 * this sensor when it was written down: nothing here goes by it. */
function asEnded(entry: RegisterEntry, now: number): RegisterEntry {
  const { kind, source, trial, observed_at } = entry
  if (hasEnded(entry, now)) return entry
  const until = (time: string) => new Date(Math.min(Date.parse(time), now)).toISOString()
  if (source !== "register") return { ...entry, expires_at: until(observed_at) }
  if (kind !== "trial" || trial === null) return entry
  return { ...entry, expires_at: until(trial.since), trial: { ...trial, state: "cooling" } }
}

/** Why nobody may open this, in words; what has ended opens nothing. */
function neverOpened(entry: RegisterEntry, now: number): string | null {
  const { source, kind, scope } = entry
  if (source !== "register" || kind === "trial" || hasEnded(entry, now)) return null
  try {
    refuseTooWide(scope, true)
    scopeConditions(entry)
    return null
  } catch (error) {
    return `of ${entry.id}: ${error instanceof Error ? error.message : error}`
  }
}

/** What a person should look at, of an entry that is in force from now on. */
function opensMuch(entry: RegisterEntry, now: number): Problem | null {
  const { id, source, kind, expires_at, scope } = entry
  if (source !== "register" || kind === "trial" || hasEnded(entry, now)) return null
  const width = widthOf(scope)
  const ends = expires_at === null ? Number.POSITIVE_INFINITY : Date.parse(expires_at)
  const said = [
    width === null ? [] : [width],
    ends > now + longestBypass ? [`ends ${expires_at ?? "never"}`] : [],
  ].flat()
  if (said.length === 0) return null
  const text = `${id} ${said.join(", and ")}; \`pinsensor bypass renew\` or \`remove\` changes that`
  return { field: null, text }
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

/** Ids under which the configuration declares, and the use of its rules, lists and settings is counted. */
const ofConfiguration = /^(rule|list|setting):/

function reservedId({ id }: RegisterEntry): Problem {
  const text = `${id} is an id that only the configuration's own rules, lists and settings have; give it another`
  return { field: "id", text }
}

function ofAnotherTenant({ tenant: other }: RegisterEntry, tenant: string): Problem {
  const text = `${other} is another tenant than the one of this sensor (${tenant}), and a bypass never crosses; set \`tenant\` in the configuration, or leave the entry out`
  return { field: "tenant", text }
}

function cameEnded({ id, source }: RegisterEntry): Problem {
  if (source === "register") {
    const text = `${id} is a trial that had not ended; it is brought in as ended, since a trial splices only where it was armed`
    return { field: "trial", text }
  }
  const text = `${id} is declared by the configuration of another sensor; it is brought in as ended, since nothing here goes by it`
  return { field: "source", text }
}

/** Fields that differ, but for the use of the entry, which is counted here. */
function differences(one: RegisterEntry, other: RegisterEntry): string[] {
  const names = Object.keys(one) as (keyof RegisterEntry)[]
  const counted: readonly string[] = ["hits", "bytes", "last_hit_at"]
  return names.filter(
    (name) => !counted.includes(name) && JSON.stringify(one[name]) !== JSON.stringify(other[name]),
  )
}

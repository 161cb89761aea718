/** The entry that a person wants to change, or why it cannot be changed here. */
import type { Store } from "../../evidence/store.ts"
import { hasEnded } from "../../policy/register/register-health.ts"
import type { RegisterEntry } from "../../record/register-entry.ts"
import { scopeKey } from "./scope-flags.ts"

/** An entry that a person may remove, renew or review. */
export function standingEntry(store: Store, id: string): RegisterEntry {
  const entry = ownEntry(store, id)
  if (entry.standing === "proposed")
    throw new Error(
      `${id} is a proposal; \`pinsensor bypass accept ${id}\` or \`reject ${id}\` decides it`,
    )
  return entry
}

export function proposal(store: Store, id: string, now: number): RegisterEntry {
  const entry = ownEntry(store, id)
  if (entry.standing !== "proposed")
    throw new Error(`${id} is no proposal but in force; \`renew\` or \`remove\` it`)
  if (hasEnded(entry, now))
    throw new Error(
      `${id} was rejected or lapsed ${entry.expires_at}; it is proposed anew when it is confirmed again, or \`add\` one yourself`,
    )
  return entry
}

function ownEntry(store: Store, id: string): RegisterEntry {
  const entry = store.get("register", id)
  if (entry === null)
    throw new Error(`there is no entry ${id}; \`pinsensor bypass list --all\` shows them`)
  if (entry.source !== "register")
    throw new Error(
      `${id} is declared in the configuration (its ${entry.source}s); change it there and send SIGHUP to the sensor`,
    )
  if (entry.kind === "trial")
    throw new Error(
      `${id} is a trial: the sensor ends it by itself, at the latest ${entry.expires_at ?? "soon"}; a rule that inspects the name, or control.mode off, ends it at once`,
    )
  return entry
}

/** Whom the sensor of this store served at its last start, as what its configuration declares says;
 * null where none has started yet. Its workers go by no other tenant's entries. */
export function servedTenant(store: Store): string | null {
  for (const { source, tenant, expires_at } of store.all("register"))
    if (source !== "register" && expires_at === null) return tenant
  return null
}

/** Throws if a bypass or proposal of the same scope stands already. */
export function refuseTwin(store: Store, like: RegisterEntry, now: number): void {
  const key = scopeKey(like.scope)
  for (const entry of store.all("register")) {
    const { id, kind, source, standing, scope, expires_at, owner } = entry
    if (id === like.id || source !== "register" || kind === "trial") continue
    if (entry.tenant !== like.tenant) continue
    if (scopeKey(scope) !== key || hasEnded(entry, now)) continue
    if (standing === "proposed")
      throw new Error(`${id} proposes the same; \`pinsensor bypass accept ${id}\` puts it in force`)
    throw new Error(
      `${id} of ${owner} covers the same until ${expires_at ?? "it is removed"}; \`pinsensor bypass renew ${id}\` lengthens it`,
    )
  }
}

/** What a scope and its evidence refer to that the store has not seen: most often a slip. */
export function unknownParts(store: Store, entry: RegisterEntry): string[] {
  const { tenant, scope, evidence_ids } = entry
  const { device_id, device_group } = scope
  const warnings: string[] = []
  if (device_id !== null && store.device(tenant, device_id) === null)
    warnings.push(`no device ${device_id} is known here; the entry matches nothing until one is`)
  if (
    device_group !== null &&
    !store.current("devices").some(({ groups }) => groups.includes(device_group))
  )
    warnings.push(
      `no known device is in group ${device_group}; the entry matches nothing until one is`,
    )
  for (const id of evidence_ids)
    if (!evidenceKinds.some((kind) => store.get(kind, id) !== null))
      warnings.push(`evidence ${id} is not stored here (yet, or any more)`)
  return warnings
}

const evidenceKinds = [
  "attempts",
  "flows",
  "findings",
  "incidents",
  "alerts",
  "app-events",
  "drifts",
] as const

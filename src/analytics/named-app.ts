/** Which app a key names, how sure that is, and whether it is the platform itself. */
import type { AppAttribution, ScopeVerdict } from "../record/finding.ts"
import { byTime } from "./bucket.ts"
import { hoursOf } from "./control.ts"
import type { KeyEvidence } from "./key-evidence.ts"
import { isPlatformApp } from "./platform-hosts.ts"
import type { Sighting } from "./sighting.ts"
import { OPAQUE_HOURS } from "./verdict.ts"

/** The OS's own app, or no app known on a stack that no program's User-Agent claims. */
export function isPlatformActor(key: KeyEvidence): boolean {
  const app = namedApp(key)
  if (app.id !== null) return isPlatformApp(app.id)
  const { stack, program } = key.group.actor
  return stack !== null && program === null
}

export interface NamedApp {
  id: string | null
  version: string | null
  signer: string | null
}

/** The app of a key: the observed one, else the only one that hints name for what counts. */
export function namedApp(key: KeyEvidence): NamedApp {
  const { actor } = key.group
  const all: Sighting[] = [...key.attempts, ...key.flows].sort(byTime)
  const told = (id: string | null, version: string | null): NamedApp => ({
    id,
    version:
      version ??
      all.findLast((each) => each.who.app_id === id && each.who.app_version !== null)?.who
        .app_version ??
      null,
    signer:
      all.findLast((each) => each.who.app_id === id && each.who.app_signer !== null)?.who
        .app_signer ?? null,
  })
  if (actor.kind === "app") return told(actor.app_id, actor.app_version)
  const counted = key.refusals.length > 0 ? key.refusals : all
  const [id, second] = new Set(counted.map((each) => each.who.app_id).filter((app) => app !== null))
  if (id === undefined || second !== undefined) return { id: null, version: null, signer: null }
  return told(id, null)
}

/** `observed` only where the observed evidence carries the verdict without what was adopted. */
export function attributionOf(
  key: KeyEvidence,
  app: NamedApp,
  verdict: ScopeVerdict,
): AppAttribution {
  if (app.id === null) return "unknown"
  if (key.group.actor.kind === "stack") return "inferred"
  switch (verdict) {
    case "refuses-here":
    case "suspected":
    case "probable":
    case "confirmed":
    case "broken-or-other":
      return key.observedSuffices ? "observed" : "inferred"
    case "opaque-persistent": {
      const own = key.control.opaque.filter((flow) => !key.group.adopted.has(flow.id))
      return hoursOf(own) >= OPAQUE_HOURS ? "observed" : "inferred"
    }
    case "refuses-everything":
      return key.refusals.some((refusal) => !key.group.adopted.has(refusal.id))
        ? "observed"
        : "inferred"
    case "private-trust":
      return [...key.refusals, ...key.flows.filter(({ fact }) => fact.verdict === "used")].some(
        (each) => !key.group.adopted.has(each.id),
      )
        ? "observed"
        : "inferred"
    case "accepts":
    case "mixed":
    case "platform-expected":
    case "held-by-bypass":
    case "undetermined":
      return "observed"
  }
}
